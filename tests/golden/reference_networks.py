"""The networks in PyTorch, written from their papers' layer tables, with formula weights.

What the golden files and the comparison benchmarks run. Keys of the state dictionaries are those of the
published checkpoints. Needs numpy and torch (1.13 or later).
"""
import torch
from torch import nn

from formula_weights import formula_tensor, tensorflow_formula_tensor
from koalarization_networks import InceptionResnetV2, Koalarization
from scgan_network import Scgan
from semantic_networks import ColorNet, SegNet

# Bins of the ab plane (step 10) inside the sRGB gamut: a -> the one interval of b. Zhang et al. 2016.
GAMUT_BINS = {
    -90: (50, 90), -80: (20, 90), -70: (0, 90), -60: (-20, 90), -50: (-30, 100), -40: (-40, 100), -30: (-50, 100),
    -20: (-50, 100), -10: (-60, 100), 0: (-70, 100), 10: (-80, 90), 20: (-80, 90), 30: (-90, 90), 40: (-100, 90),
    50: (-100, 80), 60: (-110, 80), 70: (-110, 80), 80: (-110, 70), 90: (-110, 70), 100: (-90, 0),
}


def gamut_bin_centres():
    """[2, 313, 1, 1] in units of 110: the published model_out.weight."""
    bins = [(a, b) for a, (low, high) in GAMUT_BINS.items() for b in range(low, high + 1, 10)]
    assert len(bins) == 313
    return (torch.tensor(bins, dtype=torch.float64).t() / 110).float().reshape(2, 313, 1, 1)


class Eccv16(nn.Module):
    """Zhang, Isola, Efros 2016. l [n, 1, h, w] in 0..100 -> ab [n, 2, h, w] in ab units."""

    # stage: channels, convolutions, stride of the last one, dilation
    STAGES = [(64, 2, 2, 1), (128, 2, 2, 1), (256, 3, 2, 1), (512, 3, 1, 1), (512, 3, 1, 2), (512, 3, 1, 2), (512, 3, 1, 1)]

    def __init__(self):
        super().__init__()
        before = 1
        for number, (channels, convs, stride, dilation) in enumerate(self.STAGES, 1):
            layers = []
            for i in range(convs):
                step = stride if i == convs - 1 else 1
                layers += [nn.Conv2d(before, channels, 3, step, dilation, dilation), nn.ReLU()]
                before = channels
            setattr(self, f"model{number}", nn.Sequential(*layers, nn.BatchNorm2d(channels)))
        self.model8 = nn.Sequential(
            nn.ConvTranspose2d(512, 256, 4, 2, 1), nn.ReLU(), nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(), nn.Conv2d(256, 313, 1))
        self.model_out = nn.Conv2d(313, 2, 1, bias=False)
        self.upsample4 = nn.Upsample(scale_factor=4, mode="bilinear", align_corners=False)

    def taps(self, l):
        """Every stage's output by name, ending with logits and ab."""
        x, out = (l - 50) / 100, {}
        for number in range(1, 9):
            x = getattr(self, f"model{number}")(x)
            out[f"model{number}"] = x
        out["logits"] = out.pop("model8")
        out["ab"] = self.upsample4(self.model_out(torch.softmax(x, 1))) * 110
        return out

    def forward(self, l):
        return self.taps(l)["ab"]


class BasicBlock(nn.Module):
    """He et al. 2015."""

    def __init__(self, before, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class Lite(nn.Module):
    """Half a ResNet-18 and an upsampling decoder. grey [n, 1, h, w] in 0..1 -> ab [n, 2, h, w] in ab units."""

    def __init__(self):
        super().__init__()
        self.midlevel_resnet = nn.Sequential(
            nn.Conv2d(1, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
            nn.Sequential(BasicBlock(64, 64, 1), BasicBlock(64, 64, 1)),
            nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128, 1)))
        self.upsample = nn.Sequential(
            nn.Conv2d(128, 128, 3, 1, 1), nn.BatchNorm2d(128), nn.ReLU(), nn.Upsample(scale_factor=2),
            nn.Conv2d(128, 64, 3, 1, 1), nn.BatchNorm2d(64), nn.ReLU(),
            nn.Conv2d(64, 64, 3, 1, 1), nn.BatchNorm2d(64), nn.ReLU(), nn.Upsample(scale_factor=2),
            nn.Conv2d(64, 32, 3, 1, 1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 2, 3, 1, 1), nn.Upsample(scale_factor=2))

    def taps(self, grey):
        features = self.midlevel_resnet(grey)
        return {"features": features, "ab": 255 * self.upsample(features) - 128}

    def forward(self, grey):
        return self.taps(grey)["ab"]


class Siggraph17(nn.Module):
    """Zhang, Zhu et al. 2017, local hints. l [n, 1, h, w] in 0..100, hint_ab [n, 2, h, w] in ab units and
    hint_mask [n, 1, h, w] of 0 and 1 -> ab [n, 2, h, w] in ab units."""

    # stage: channels, convolutions, dilation; the first three end at full size, the next reads every second pixel
    STAGES = [(64, 2, 1), (128, 2, 1), (256, 3, 1), (512, 3, 1), (512, 3, 2), (512, 3, 2), (512, 3, 1)]

    def __init__(self):
        super().__init__()
        before = 4
        for number, (channels, convs, dilation) in enumerate(self.STAGES, 1):
            layers = []
            for _ in range(convs):
                layers += [nn.Conv2d(before, channels, 3, 1, dilation, dilation), nn.ReLU()]
                before = channels
            setattr(self, f"model{number}", nn.Sequential(*layers, nn.BatchNorm2d(channels)))
        self.model8up = nn.Sequential(nn.ConvTranspose2d(512, 256, 4, 2, 1))
        self.model8 = nn.Sequential(
            nn.ReLU(), nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(), nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(),
            nn.BatchNorm2d(256))
        self.model9up = nn.Sequential(nn.ConvTranspose2d(256, 128, 4, 2, 1))
        self.model9 = nn.Sequential(nn.ReLU(), nn.Conv2d(128, 128, 3, 1, 1), nn.ReLU(), nn.BatchNorm2d(128))
        self.model10up = nn.Sequential(nn.ConvTranspose2d(128, 128, 4, 2, 1))
        self.model10 = nn.Sequential(nn.ReLU(), nn.Conv2d(128, 128, 3, 1, 1), nn.LeakyReLU(0.2))
        self.model3short8 = nn.Sequential(nn.Conv2d(256, 256, 3, 1, 1))
        self.model2short9 = nn.Sequential(nn.Conv2d(128, 128, 3, 1, 1))
        self.model1short10 = nn.Sequential(nn.Conv2d(64, 128, 3, 1, 1))
        self.model_class = nn.Sequential(nn.Conv2d(256, 529, 1))
        self.model_out = nn.Sequential(nn.Conv2d(128, 2, 1), nn.Tanh())

    def taps(self, l, hint_ab, hint_mask, mask_cent=0.0):
        """Every stage's output by name, ending with class_logits and ab."""
        x, out = torch.cat(((l - 50) / 100, hint_ab / 110, hint_mask - mask_cent), 1), {}
        for number in range(1, 8):
            x = getattr(self, f"model{number}")(x)
            out[f"model{number}"] = x
            if number <= 3:
                x = x[:, :, ::2, ::2]
        x = out["model8"] = self.model8(self.model8up(x) + self.model3short8(out["model3"]))
        out["class_logits"] = self.model_class(x)
        x = out["model9"] = self.model9(self.model9up(x) + self.model2short9(out["model2"]))
        x = out["model10"] = self.model10(self.model10up(x) + self.model1short10(out["model1"]))
        out["ab"] = self.model_out(x) * 110
        return out

    def forward(self, l, hint_ab, hint_mask, mask_cent=0.0):
        return self.taps(l, hint_ab, hint_mask, mask_cent)["ab"]


class MasksGan(nn.Module):
    """A U-Net that colours what a mask shows. y [n, 1, h, w] in 0..1, mask [n, 1, h, w] in 0..1 -> uv [n, 2, h, w].

    norm: "batch" normalizes every image by its own statistics, as the author's code does with one image;
    "running" by the stored ones.
    """

    ENCODER = [64, 128, 256, 512, 512]
    DECODER = [512, 256, 128, 64]

    def __init__(self):
        super().__init__()
        self.conv0_1 = nn.Conv2d(1, 16, 3, 1, 1, bias=False)
        self.conv0_2 = nn.Conv2d(1, 16, 3, 1, 1, bias=False)
        self.bn0 = nn.BatchNorm2d(16)
        before = 32
        for number, channels in enumerate(self.ENCODER, 1):
            setattr(self, f"conv{number}", nn.Conv2d(before, channels, 3, 2, 1, bias=False))
            setattr(self, f"bn{number}", nn.BatchNorm2d(channels))
            before = channels
        for number, channels in enumerate(self.DECODER + [2], 6):
            deconv = nn.ConvTranspose2d(before, channels, 3, 2, 1, output_padding=1, bias=False)
            setattr(self, f"deconv{number}", deconv)
            setattr(self, f"bn{number}", nn.BatchNorm2d(channels))  # the last one is never called
            before = channels

    def taps(self, y, mask, norm="batch"):
        """Every layer's output by its name in our graph, ending with deconv10.tanh, which is uv."""
        out = {}

        def put(name, x):
            out[name] = x
            return x

        def normalized(x, name, again=""):
            bn = getattr(self, name)
            images = x.split(1) if norm == "batch" and x.shape[0] > 1 else [x]
            x = [torch.nn.functional.batch_norm(image, bn.running_mean, bn.running_var, bn.weight, bn.bias,
                                                norm == "batch", 0.0, bn.eps) for image in images]
            return put(name + again, x[0] if len(x) == 1 else torch.cat(x))

        def encoded(x, conv, bn, again=""):
            x = normalized(put(conv, getattr(self, conv)(x)), bn, again)
            return put(f"{bn}{again}.leaky_relu", torch.nn.functional.leaky_relu(x, 0.1))

        grey, shown = encoded(y - 0.5, "conv0_1", "bn0"), encoded(mask, "conv0_2", "bn0", "_2")
        x = put("bn0.leaky_relu.concat", torch.cat((grey, shown), 1))
        skips = []
        for number in range(1, 6):
            x = encoded(x, f"conv{number}", f"bn{number}")
            skips.append(x)
        for number in range(6, 10):
            x = normalized(put(f"deconv{number}", getattr(self, f"deconv{number}")(x)), f"bn{number}")
            x = put(f"bn{number}.relu.add", put(f"bn{number}.relu", torch.relu(x)) + skips[9 - number])
        put("deconv10.tanh", torch.tanh(put("deconv10", self.deconv10(x))))
        return out

    def forward(self, y, mask, norm="batch"):
        return self.taps(y, mask, norm)["deconv10.tanh"]


NETWORKS = {"eccv16": Eccv16, "lite": Lite, "siggraph17": Siggraph17, "segnet": SegNet, "colornet": ColorNet, "masks-gan": MasksGan, "scgan": Scgan,
            "inception-resnet-v2": InceptionResnetV2, "koalarization": Koalarization}
GAINS = {"eccv16": 2.4, "lite": 2.0, "siggraph17": 2.0, "segnet": 1.0, "colornet": 2.0, "masks-gan": 1.0, "scgan": 2.0,
         "inception-resnet-v2": 2.0, "koalarization": 2.0}
VARIANCES = {"scgan": 0.4}
EXCEPTIONS = {"colornet": {"final_conv.weight": 0.02}, "masks-gan": {"deconv10.weight": 0.25},
              "inception-resnet-v2": {"InceptionResnetV2/Logits/Logits/weights": 0.02}}
TENSORFLOW = {"inception-resnet-v2", "koalarization"}  # names with slashes, elements in TensorFlow's layout


def formula_state(name, module):
    """The formula checkpoint of a network as {key: tensor}, in the order of the state dictionary."""
    strides = {f"{path}.weight": m.stride[0] for path, m in module.named_modules() if isinstance(m, nn.ConvTranspose2d)}
    state = {}
    for key, value in module.state_dict().items():
        if key.endswith("num_batches_tracked"):
            state[key] = torch.zeros_like(value)
        elif name == "eccv16" and key == "model_out.weight":
            state[key] = gamut_bin_centres()
        else:
            known = key.replace(".", "/") if name in TENSORFLOW else key
            gain = EXCEPTIONS.get(name, {}).get(known, GAINS[name])
            if name in TENSORFLOW:
                state[key] = torch.from_numpy(tensorflow_formula_tensor(known, tuple(value.shape), gain))
            else:
                state[key] = torch.from_numpy(formula_tensor(key, tuple(value.shape), gain, strides.get(key),
                                                             VARIANCES.get(name, 1.0)))
    return state


def load_network(name, state=None, **options):
    """The network in inference mode with formula weights, or with `state` (a checkpoint's dictionary). options: its form."""
    module = NETWORKS[name](**options)
    module.load_state_dict(formula_state(name, module) if state is None else state)
    return module.eval()
