"""Mask R-CNN as a worker runs it: a picture [H, W, 3] of bytes to boxes, scores and classes (and masks, which are made and not returned).

PyTorch's layers are those of tests/golden/mask_rcnn_network.py, which says what is computed; between them stand torch's and torchvision's
own ops, in the order of Detectron2. Nothing of the golden files' arithmetic is slowed down or sped up.
"""
import ctypes
import os
import sys

from worker import Cuhue, Torch

MOST = 1000  # proposals of a level, and of all
MOST_FOUND = 100
SCORE, NMS, PROPOSAL_NMS = 0.3, 0.3, 0.7


class TorchDetector(Torch):
    def __init__(self, spec):
        import torch
        import torchvision
        sys.path[:0] = [spec["golden_dir"], os.path.dirname(os.path.abspath(__file__))]
        import mask_rcnn_network as reference
        torch.set_num_threads(spec["threads"])
        if torch.get_num_interop_threads() != 1:  # it may be set once a process
            torch.set_num_interop_threads(1)
        self.device, self.dtype = torch.device(spec.get("device", "cpu")), getattr(torch, spec.get("dtype", "float32"))
        self.torch, self.ops, self.network, self.anchors = torch, torchvision.ops, reference.MaskRcnn(), []
        self.network.state = {key: self.placed(value) for key, value in self.network.state.items()}
        self.network.folded = {key: tuple(map(self.placed, pair)) for key, pair in self.network.folded.items()}
        _, height, width, _ = spec["inputs"]["image"]
        for level in range(2, 7):
            stride = 2**level
            rows, columns = (-(-(-(-side // 32) * 32) // stride) for side in (height, width))
            cells = reference.anchors(level, rows, columns)
            self.anchors.append(torch.from_numpy(cells.astype("float32")).to(self.device))
        self.mean = torch.from_numpy(reference.MEAN).view(1, 3, 1, 1).to(self.device)

    def decode(self, boxes, deltas, weights):
        torch = self.torch
        size, moves = boxes[:, 2:] - boxes[:, :2], deltas / deltas.new_tensor(weights)
        centre = moves[:, :2] * size + boxes[:, :2] + 0.5 * size
        half = 0.5 * torch.exp(moves[:, 2:].clamp(max=4.135166556742356)) * size
        return torch.cat((centre - half, centre + half), 1)

    def clip(self, boxes, height, width):
        x, y = boxes[:, 0::2].clamp(0, width), boxes[:, 1::2].clamp(0, height)
        return self.torch.stack((x[:, 0], y[:, 0], x[:, 1], y[:, 1]), 1)

    def proposals(self, taps, height, width):
        torch, boxes, scores = self.torch, [], []
        for anchors, level in zip(self.anchors, range(2, 7)):
            logits = taps[f"logits{level}"][0].permute(1, 2, 0).flatten()
            deltas = taps[f"deltas{level}"][0].permute(1, 2, 0).reshape(-1, 4)
            best, which = logits.topk(min(MOST, len(logits)))
            box = self.clip(self.decode(anchors[which], deltas[which], (1., 1., 1., 1.)), height, width)
            good = (box[:, 2] > box[:, 0]) & (box[:, 3] > box[:, 1])
            box, best = box[good], best[good]
            kept = self.ops.nms(box, best, PROPOSAL_NMS)
            boxes.append(box[kept])
            scores.append(best[kept])
        boxes, scores = torch.cat(boxes), torch.cat(scores)
        return boxes[scores.topk(min(MOST, len(scores)))[1]]

    def crops(self, taps, boxes, size):
        torch = self.torch
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        levels = torch.floor(4 + torch.log2(area.sqrt() / 224 + 1e-8)).clamp(2, 5)
        out = boxes.new_empty((len(boxes), 256, size, size))
        for level in range(2, 6):
            own = (levels == level).nonzero()[:, 0]
            if len(own):
                out[own] = self.ops.roi_align(taps[f"p{level}"], [boxes[own]], size, 0.5**level, 0, True)
        return out

    def found(self, logits, deltas, boxes, height, width):
        torch = self.torch
        scores = torch.softmax(logits, 1)[:, :-1]
        rows, classes = (scores > SCORE).nonzero(as_tuple=True)
        box = self.decode(boxes[rows], deltas.view(len(deltas), 80, 4)[rows, classes], (10., 10., 5., 5.))
        box, score = self.clip(box, height, width), scores[rows, classes]
        kept = self.ops.batched_nms(box, score, classes, NMS)[:MOST_FOUND]
        return box[kept], score[kept], classes[kept]

    def paste(self, masks, boxes, height, width):
        """Where each mask is at least a half, in the picture's size."""
        torch, pasted = self.torch, []
        for mask, box in zip(masks, boxes):
            x0, y0 = (box[:2].floor().int() - 1).clamp(min=0).tolist()
            x1, y1 = (box[2:].ceil().int() + 1).tolist()
            x1, y1 = min(x1, width), min(y1, height)
            gx = (torch.arange(x0, x1, device=box.device) + 0.5 - box[0]) / (box[2] - box[0]) * 2 - 1
            gy = (torch.arange(y0, y1, device=box.device) + 0.5 - box[1]) / (box[3] - box[1]) * 2 - 1
            grid = torch.stack((gx.expand(len(gy), -1), gy[:, None].expand(-1, len(gx))), -1)[None]
            whole = torch.zeros((height, width), dtype=torch.bool, device=box.device)
            whole[y0:y1, x0:x1] = torch.nn.functional.grid_sample(mask[None, None], grid, align_corners=False)[0, 0] >= 0.5
            pasted.append(whole)
        return pasted

    def placed(self, weight):
        weight = weight.to(self.device, self.dtype)
        return weight.to(memory_format=self.torch.channels_last) if self.device.type == "cuda" and weight.dim() == 4 else weight

    def run(self, x):
        torch = self.torch
        with torch.inference_mode():
            picture = torch.from_numpy(x["image"]).to(self.device)  # [1, H, W, 3]; of the network's own size
            height, width = picture.shape[1:3]
            image = picture.permute(0, 3, 1, 2).float() - self.mean
            image = torch.nn.functional.pad(image, (0, -width % 32, 0, -height % 32)).contiguous()
            # Layers in their weights' type; what stands between them in fp32, as under PyTorch's autocast.
            taps = {name: tap.float() for name, tap in self.network.features(image.to(self.dtype)).items() if not name.startswith("res")}
            boxes = self.proposals(taps, height, width)
            logits, deltas = self.network.box_head(self.crops(taps, boxes, 7).to(self.dtype))
            boxes, scores, classes = self.found(logits.float(), deltas.float(), boxes, height, width)
            masks = self.network.mask_head(self.crops(taps, boxes, 14).to(self.dtype))
            masks = torch.sigmoid(masks[torch.arange(len(boxes), device=boxes.device), classes].float())
            good = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
            boxes, scores, classes, masks = boxes[good], scores[good], classes[good], masks[good]
            pasted = self.paste(masks, boxes, height, width)
            if pasted and self.device.type != "cpu":
                torch.stack(pasted).cpu()
            return [found.float().cpu().numpy() for found in (boxes, scores, classes)]


class CuhueDetector(Cuhue):
    class Picture(ctypes.Structure):
        _fields_ = [("struct_size", ctypes.c_size_t), ("data", ctypes.c_void_p), ("dtype", ctypes.c_int), ("height", ctypes.c_int64),
                    ("width", ctypes.c_int64)]

    class Detection(ctypes.Structure):
        _fields_ = [("struct_size", ctypes.c_size_t), ("box", ctypes.c_float * 4), ("score", ctypes.c_float), ("class_index", ctypes.c_int),
                    ("class_name", ctypes.c_char_p), ("mask_rectangle", ctypes.c_int64 * 4), ("mask", ctypes.c_void_p)]

    U8 = 8  # CUHUE_U8

    def create_network(self):
        self.call("cuhue_detector_create", self.engine, self.weights, ctypes.byref(self.network))

    def prepare(self, inputs, outputs):
        _, height, width, _ = inputs["image"]
        self.call("cuhue_detector_prepare", self.network, ctypes.c_int64(height), ctypes.c_int64(width))

    def run(self, x):
        import numpy
        pixels = numpy.ascontiguousarray(x["image"][0])
        picture = self.Picture(ctypes.sizeof(self.Picture), pixels.ctypes.data, self.U8, *pixels.shape[:2])
        found = ctypes.c_void_p()
        self.call("cuhue_detect_array", self.network, ctypes.byref(picture), None, ctypes.byref(found), None)
        self.library.cuhue_detections_count.restype = ctypes.c_size_t
        boxes, scores, classes = [], [], []
        for i in range(self.library.cuhue_detections_count(found)):
            one = self.Detection(ctypes.sizeof(self.Detection))
            self.call("cuhue_detections_at", found, ctypes.c_size_t(i), ctypes.byref(one))
            boxes.append(list(one.box))
            scores.append(one.score)
            classes.append(one.class_index)
        self.library.cuhue_detections_free(found)
        return [numpy.array(values, numpy.float32) for values in (boxes, scores, classes)]


DETECTORS = {"cuhue": CuhueDetector, "torch": TorchDetector}
