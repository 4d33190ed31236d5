"""Mask R-CNN R101-FPN in PyTorch and NumPy, stage by stage, written from its specification.

Layers run in torch; anchors, decoding, selection, RoIAlign and pasting are plain NumPy in float64 or float32 as noted,
so that they share nothing with the C++ they are compared with.
"""
import math

import numpy as np
import torch
import torch.nn.functional as F

from formula_weights import formula_tensor

STAGES = [(2, 3, 64, 256, 1), (3, 4, 128, 512, 2), (4, 23, 256, 1024, 2), (5, 3, 512, 2048, 2)]
MEAN = np.array([103.530, 116.280, 123.675], np.float32)
BACKBONE = "backbone.bottom_up."


def shapes():
    """{key: shape} of all 562 tensors, in the checkpoint's order of modules."""
    out = {}

    def conv_norm(key, channels, before, kernel):
        out[key + ".weight"] = (channels, before, kernel, kernel)
        for leaf in ("weight", "bias", "running_mean", "running_var"):
            out[f"{key}.norm.{leaf}"] = (channels,)

    def layer(key, *shape, bias=None):
        out[key + ".weight"] = shape
        out[key + ".bias"] = (bias or shape[0],)

    conv_norm(BACKBONE + "stem.conv1", 64, 3, 7)
    before = 64
    for number, blocks, inner, channels, _ in STAGES:
        for block in range(blocks):
            key = f"{BACKBONE}res{number}.{block}."
            if block == 0:
                conv_norm(key + "shortcut", channels, before, 1)
            conv_norm(key + "conv1", inner, before, 1)
            conv_norm(key + "conv2", inner, inner, 3)
            conv_norm(key + "conv3", channels, inner, 1)
            before = channels
    for number, _, _, channels, _ in STAGES:
        layer(f"backbone.fpn_lateral{number}", 256, channels, 1, 1)
        layer(f"backbone.fpn_output{number}", 256, 256, 3, 3)
    head = "proposal_generator.rpn_head."
    layer(head + "conv", 256, 256, 3, 3)
    layer(head + "objectness_logits", 3, 256, 1, 1)
    layer(head + "anchor_deltas", 12, 256, 1, 1)
    layer("roi_heads.box_head.fc1", 1024, 12544)
    layer("roi_heads.box_head.fc2", 1024, 1024)
    layer("roi_heads.box_predictor.cls_score", 81, 1024)
    layer("roi_heads.box_predictor.bbox_pred", 320, 1024)
    for i in range(1, 5):
        layer(f"roi_heads.mask_head.mask_fcn{i}", 256, 256, 3, 3)
    layer("roi_heads.mask_head.deconv", 256, 256, 2, 2)
    layer("roi_heads.mask_head.predictor", 80, 256, 1, 1)
    assert len(out) == 562
    return out


def gain(key):
    exact = {
        BACKBONE + "stem.conv1.weight": 1 / 2048,
        "backbone.fpn_lateral2.weight": 0.5, "backbone.fpn_lateral3.weight": 0.25,
        "backbone.fpn_lateral4.weight": 0.0625, "backbone.fpn_lateral5.weight": 0.0625,
        "backbone.fpn_output2.weight": 0.55, "backbone.fpn_output3.weight": 5.4,
        "backbone.fpn_output4.weight": 38, "backbone.fpn_output5.weight": 193,
        "proposal_generator.rpn_head.anchor_deltas.weight": 0.1,
        "roi_heads.box_predictor.cls_score.weight": 12, "roi_heads.box_predictor.bbox_pred.weight": 4,
    }
    if key.endswith("shortcut.weight"):
        return 1.0
    if key.endswith("conv3.weight"):
        return 0.1
    return exact.get(key, 2.0)


def formula_state():
    return {key: torch.from_numpy(formula_tensor(key, shape, gain(key), 2 if key.endswith("deconv.weight") else None))
            for key, shape in shapes().items()}


class MaskRcnn:
    def __init__(self, state=None):
        self.state = formula_state() if state is None else state
        # Layers that the backbone folds: W' = W s, b' = beta - mean s, in double.
        self.folded = {}
        for key in self.state:
            if key.endswith(".norm.weight"):
                base = key[: -len(".norm.weight")]
                gamma, beta, mean, var = (self.state[f"{base}.norm.{leaf}"].double()
                                          for leaf in ("weight", "bias", "running_mean", "running_var"))
                scale = gamma / torch.sqrt(var + 1e-5)
                weight = self.state[base + ".weight"].double() * scale[:, None, None, None]
                self.folded[base] = (weight.float(), (beta - mean * scale).float())

    def conv(self, x, key, stride=1, pad=0):
        weight, bias = self.folded[key] if key in self.folded else (self.state[key + ".weight"], self.state[key + ".bias"])
        return F.conv2d(x, weight, bias, stride, pad)

    # ---- layers

    def features(self, image):
        """[1, 3, H, W] normalised and padded -> p2..p6, and logits and deltas of each, by name."""
        taps = {}
        x = F.max_pool2d(torch.relu(self.conv(image, BACKBONE + "stem.conv1", 2, 3)), 3, 2, 1)
        res = {}
        for number, blocks, _, _, stride in STAGES:
            for block in range(blocks):
                key = f"{BACKBONE}res{number}.{block}."
                step = stride if block == 0 else 1
                shortcut = self.conv(x, key + "shortcut", step) if block == 0 else x
                y = torch.relu(self.conv(x, key + "conv1", step))
                y = torch.relu(self.conv(y, key + "conv2", 1, 1))
                x = torch.relu(self.conv(y, key + "conv3") + shortcut)
            res[number] = taps[f"res{number}"] = x
        inner = None
        for number in (5, 4, 3, 2):
            lateral = self.conv(res[number], f"backbone.fpn_lateral{number}")
            inner = lateral if inner is None else lateral + F.interpolate(inner, scale_factor=2, mode="nearest")
            taps[f"p{number}"] = self.conv(inner, f"backbone.fpn_output{number}", 1, 1)
        taps["p6"] = taps["p5"][:, :, ::2, ::2]
        head = "proposal_generator.rpn_head."
        for level in range(2, 7):
            t = torch.relu(self.conv(taps[f"p{level}"], head + "conv", 1, 1))
            taps[f"logits{level}"] = self.conv(t, head + "objectness_logits")
            taps[f"deltas{level}"] = self.conv(t, head + "anchor_deltas")
        return taps

    def box_head(self, crops):
        """[R, 256, 7, 7] -> class logits [R, 81], deltas [R, 320]."""
        x = crops.flatten(1)
        for fc in ("fc1", "fc2"):
            x = torch.relu(self.linear(x, "roi_heads.box_head." + fc))
        return self.linear(x, "roi_heads.box_predictor.cls_score"), self.linear(x, "roi_heads.box_predictor.bbox_pred")

    def linear(self, x, key):
        return F.linear(x, self.state[key + ".weight"], self.state[key + ".bias"])

    def mask_head(self, crops):
        """[K, 256, 14, 14] -> mask logits [K, 80, 28, 28]."""
        x = crops
        for i in range(1, 5):
            x = torch.relu(self.conv(x, f"roi_heads.mask_head.mask_fcn{i}", 1, 1))
        key = "roi_heads.mask_head.deconv"
        x = torch.relu(F.conv_transpose2d(x, self.state[key + ".weight"], self.state[key + ".bias"], 2))
        return self.conv(x, "roi_heads.mask_head.predictor")


# ---- the picture


def resized_shape(h0, w0, min_size=800, max_size=1333):
    s = min_size / min(h0, w0)
    nh, nw = (min_size, s * w0) if h0 < w0 else (s * h0, min_size)
    if max(nh, nw) > max_size:
        shrink = max_size / max(nh, nw)
        nh, nw = nh * shrink, nw * shrink
    return int(nh + 0.5), int(nw + 0.5)


def resize_float(image, h, w):
    """[H, W, 3] float64 -> [h, w, 3] float32: bilinear, half-pixel centres, no antialiasing."""
    def axis(n_in, n_out):
        src = np.maximum(n_in / n_out * (np.arange(n_out) + 0.5) - 0.5, 0)
        i0 = np.floor(src).astype(int)
        return i0, np.minimum(i0 + 1, n_in - 1), src - i0
    y0, y1, ty = axis(image.shape[0], h)
    x0, x1, tx = axis(image.shape[1], w)
    ty, tx = ty[:, None, None], tx[None, :, None]
    a, b, c, d = (image[ys][:, xs] for ys in (y0, y1) for xs in (x0, x1))
    return ((1 - ty) * ((1 - tx) * a + tx * b) + ty * ((1 - tx) * c + tx * d)).astype(np.float32)


def network_input(image, min_size=800, max_size=1333):
    """Float [H, W, 3] or uint8 -> padded [1, 3, Hp, Wp], (h, w)."""
    h, w = resized_shape(*image.shape[:2], min_size, max_size)
    if image.dtype == np.uint8:
        from PIL import Image
        small = np.asarray(Image.fromarray(image).resize((w, h), Image.BILINEAR)).astype(np.float32)
    else:
        small = resize_float(image.astype(np.float64), h, w)
    x = np.zeros((1, 3, -(-h // 32) * 32, -(-w // 32) * 32), np.float32)
    x[0, :, :h, :w] = (small - MEAN).transpose(2, 0, 1)
    return torch.from_numpy(x), (h, w)


def lightness_picture(rgb):
    """[H, W, 3] uint8 -> float64, by scikit-image: Lab with a = b = 0, back in RGB, times 255."""
    from skimage import color
    lab = color.rgb2lab(rgb)
    lab[:, :, 1:] = 0
    return color.lab2rgb(lab) * 255


# ---- boxes

MOST_GROWTH = math.log(1000 / 16)


def anchors(level, h, w):
    stride, size = 2**level, 2.0 ** (level + 3)
    cells = []
    for ratio in (0.5, 1.0, 2.0):
        wa = math.sqrt(size * size / ratio)
        ha = ratio * wa
        cells.append((-wa / 2, -ha / 2, wa / 2, ha / 2))
    y, x = np.mgrid[0:h, 0:w].astype(np.float32) * np.float32(stride)
    grid = np.stack((x, y, x, y), -1).reshape(-1, 1, 4)
    return (grid + np.array(cells, np.float32)).reshape(-1, 4)


def decode(boxes, deltas, weights):
    """float32 throughout. boxes [n, 4], deltas [n, 4]."""
    f = np.float32
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    cx, cy = boxes[:, 0] + f(0.5) * w, boxes[:, 1] + f(0.5) * h
    dx, dy, dw, dh = (deltas[:, i] / f(weights[i]) for i in range(4))
    dw, dh = np.minimum(dw, f(MOST_GROWTH)), np.minimum(dh, f(MOST_GROWTH))
    px, py = dx * w + cx, dy * h + cy
    with np.errstate(over="ignore"):
        pw, ph = np.exp(dw) * w, np.exp(dh) * h
    return np.stack((px - f(0.5) * pw, py - f(0.5) * ph, px + f(0.5) * pw, py + f(0.5) * ph), 1)


def clip(boxes, h, w):
    out = boxes.copy()
    out[:, 0::2] = np.clip(out[:, 0::2], 0, np.float32(w))
    out[:, 1::2] = np.clip(out[:, 1::2], 0, np.float32(h))
    return out


def nms(boxes, scores, threshold):
    """Kept indices, by descending score (ties: the lower index)."""
    order = np.argsort(-scores, kind="stable")
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    gone, kept = np.zeros(len(boxes), bool), []
    for i in order:
        if gone[i]:
            continue
        kept.append(i)
        w = np.maximum(np.minimum(boxes[i, 2], boxes[:, 2]) - np.maximum(boxes[i, 0], boxes[:, 0]), 0)
        h = np.maximum(np.minimum(boxes[i, 3], boxes[:, 3]) - np.maximum(boxes[i, 1], boxes[:, 1]), 0)
        inter = w * h
        with np.errstate(invalid="ignore", divide="ignore"):
            gone |= (inter / (area[i] + area - inter)).astype(np.float64) > threshold
    return np.array(kept, int)


def proposals(taps, size, most=1000, threshold=0.7):
    """boxes [R, 4], logits [R]."""
    h, w = size
    boxes, scores = [], []
    for level in range(2, 7):
        logits, deltas = taps[f"logits{level}"][0].numpy(), taps[f"deltas{level}"][0].numpy()
        rows, columns = logits.shape[1:]
        flat = logits.transpose(1, 2, 0).ravel()
        moves = deltas.transpose(1, 2, 0).reshape(-1, 4)
        # What is not a number is greater than all, as topk has it: it takes a place, and goes.
        best = np.argsort(-np.where(np.isnan(flat), np.inf, flat), kind="stable")[:most]
        box = decode(anchors(level, rows, columns)[best], moves[best], (1, 1, 1, 1))
        good = np.isfinite(box).all(1) & np.isfinite(flat[best])
        box, score = clip(box[good], h, w), flat[best][good]
        good = (box[:, 2] - box[:, 0] > 0) & (box[:, 3] - box[:, 1] > 0)
        box, score = box[good], score[good]
        keep = nms(box, score, threshold)
        boxes.append(box[keep])
        scores.append(score[keep])
    boxes, scores = np.concatenate(boxes), np.concatenate(scores)
    order = np.argsort(-scores, kind="stable")[:most]
    return boxes[order], scores[order]


def roi_align(taps, boxes, size):
    """[n, 256, size, size]; sums in float64."""
    out = np.zeros((len(boxes), 256, size, size), np.float64)
    f = np.float32
    for n, (x0, y0, x1, y1) in enumerate(boxes.astype(f)):
        area = (x1 - x0) * (y1 - y0)
        level = int(np.clip(np.floor(f(4) + np.log2(np.sqrt(area) / f(224) + f(1e-8))), 2, 5)) if area > 0 else 2
        feature = taps[f"p{level}"][0].numpy().astype(np.float64)
        scale = f(0.5**level)

        def axis(low, high, extent):
            start = low * scale - f(0.5)
            length = high * scale - f(0.5) - start
            bin_size = length / f(size)
            count = int(math.ceil(length / f(size)))
            weights = np.zeros((size, extent))
            for b in range(size):
                for s in range(count):
                    at = start + f(b) * bin_size + f(s + 0.5) * bin_size / f(count)
                    if at < -1 or at > extent:
                        continue
                    at = max(at, f(0))
                    low_pixel = int(at)
                    if low_pixel >= extent - 1:
                        weights[b, extent - 1] += 1
                    else:
                        weights[b, low_pixel] += 1 - (at - f(low_pixel))
                        weights[b, low_pixel + 1] += at - f(low_pixel)
            return weights, count

        wy, ny = axis(y0, y1, feature.shape[1])
        wx, nx = axis(x0, x1, feature.shape[2])
        out[n] = np.einsum("by,cyx,dx->cbd", wy, feature, wx, optimize=True) / max(ny * nx, 1)
    return torch.from_numpy(out.astype(np.float32))


def detections(logits, deltas, boxes, size, score_threshold=0.3, nms_threshold=0.3, most=100):
    """boxes [K, 4] in network pixels, scores, classes."""
    h, w = size
    scores = torch.softmax(torch.as_tensor(logits), 1).numpy()[:, :-1]
    deltas = np.asarray(deltas)
    rows, classes = np.nonzero(scores > np.float32(score_threshold))
    box = decode(boxes[rows], deltas.reshape(len(deltas), 80, 4)[rows, classes], (10, 10, 5, 5))
    box, score = clip(box, h, w), scores[rows, classes]
    kept = [np.nonzero(classes == c)[0][nms(box[classes == c], score[classes == c], nms_threshold)]
            for c in np.unique(classes)]
    kept = np.sort(np.concatenate(kept)) if kept else np.zeros(0, int)
    order = kept[np.argsort(-score[kept], kind="stable")][:most]
    return box[order], score[order], classes[order]


def paste(mask, box, h, w):
    """[28, 28] probabilities -> [h, w] bool."""
    x0, y0, x1, y1 = (np.float32(v) for v in box)
    gx = (np.arange(w, dtype=np.float32) + np.float32(0.5) - x0) / (x1 - x0) * 2 - 1
    gy = (np.arange(h, dtype=np.float32) + np.float32(0.5) - y0) / (y1 - y0) * 2 - 1
    grid = torch.from_numpy(np.stack(np.meshgrid(gx, gy), -1)[None].astype(np.float32))
    return (F.grid_sample(torch.as_tensor(mask)[None, None], grid, align_corners=False)[0, 0] >= 0.5).numpy()


def detect(network, image, min_size=800, max_size=1333, score_threshold=0.3, nms_threshold=0.3):
    """All stages by name, of a picture [H, W, 3]."""
    with torch.no_grad():
        x, size = network_input(image, min_size, max_size)
        taps = network.features(x)
        boxes, objectness = proposals(taps, size)
        logits, deltas = network.box_head(roi_align(taps, boxes, 7))
        found, scores, classes = detections(logits, deltas, boxes, size, score_threshold, nms_threshold)
        probabilities = np.zeros((0, 28, 28), np.float32)
        if len(found):
            masks = network.mask_head(roi_align(taps, found, 14))
            probabilities = torch.sigmoid(masks[np.arange(len(found)), classes]).numpy()
    h0, w0 = image.shape[:2]
    scaled = found * np.array([w0 / size[1], h0 / size[0]] * 2, np.float32)
    scaled = clip(scaled, h0, w0)
    good = (scaled[:, 2] - scaled[:, 0] > 0) & (scaled[:, 3] - scaled[:, 1] > 0)
    pasted = [paste(m, b, h0, w0) for m, b in zip(probabilities[good], scaled[good])]
    return {"input": x, "size": size, "taps": taps, "proposals": boxes, "objectness": objectness, "class_logits": logits,
            "box_deltas": deltas, "boxes": scaled[good], "scores": scores[good], "classes": classes[good],
            "probabilities": probabilities[good], "masks": pasted}
