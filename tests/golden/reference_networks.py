"""The networks in PyTorch, written from their papers' layer tables, with formula weights.

What the golden files and the comparison benchmarks run. Keys of the state dictionaries are those of the
published checkpoints. Needs numpy and torch (1.13 or later).
"""
import torch
from torch import nn

from formula_weights import formula_tensor

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


NETWORKS = {"eccv16": Eccv16, "lite": Lite}
GAINS = {"eccv16": 2.4, "lite": 2.0}


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
            state[key] = torch.from_numpy(formula_tensor(key, tuple(value.shape), GAINS[name], strides.get(key)))
    return state


def load_network(name, state=None):
    """The network in inference mode with formula weights, or with `state` (a checkpoint's dictionary)."""
    module = NETWORKS[name]()
    module.load_state_dict(formula_state(name, module) if state is None else state)
    return module.eval()
