"""The two networks of Semantic-driven Colorization in PyTorch, written from their layer tables. Needs torch."""
import torch
from torch import nn


def conv(before, channels, stride=1):
    return nn.Conv2d(before, channels, 3, stride, 1, bias=False)


def deconv(before, channels):
    return nn.ConvTranspose2d(before, channels, 3, 2, 1, output_padding=1, bias=False)


class SegBlock(nn.Module):
    """Norm, ReLU and convolution, twice."""

    def __init__(self, before, channels, first="conv1", make=conv, **options):
        super().__init__()
        self.batch1 = nn.BatchNorm2d(before)
        setattr(self, first, make(before, channels, **options))
        self.batch2 = nn.BatchNorm2d(channels)
        self.conv2 = conv(channels, channels)
        self.first = first

    def forward(self, x):
        x = getattr(self, self.first)(torch.relu(self.batch1(x)))
        return self.conv2(torch.relu(self.batch2(x)))


class SegEnd(nn.Module):
    """Convolution and norm, twice; ReLUs behind the norms, behind the last one only of the stem."""

    def __init__(self, before, channels):
        super().__init__()
        self.conv1, self.batch1 = conv(before, channels), nn.BatchNorm2d(channels)
        self.conv2, self.batch2 = conv(channels, channels), nn.BatchNorm2d(channels)

    def forward(self, x):
        return self.batch2(self.conv2(torch.relu(self.batch1(self.conv1(x)))))


class SegNet(nn.Module):
    """GridNet of five rows and six columns. grey [n, 1, h, w] in 0..1 -> scores of 60 labels [n, 60, h, w]."""

    CHANNELS = [16, 32, 64, 128, 256]

    def __init__(self):
        super().__init__()
        self.batchNormInitial = nn.BatchNorm2d(1)
        self.firstConv = SegEnd(1, 16)
        for i, c in enumerate(self.CHANNELS):
            for j in range(6):
                if j < 5:
                    setattr(self, f"convSequence{i}_{j}to{i}_{j + 1}", SegBlock(c, c))
                if j < 3 and i < 4:
                    down = SegBlock(c, self.CHANNELS[i + 1], stride=2)
                    setattr(self, f"subSamplingSequence{i}_{j}to{i + 1}_{j}", down)
                if j >= 3 and i > 0:
                    up = SegBlock(c, self.CHANNELS[i - 1], "convTranspose1", deconv)
                    setattr(self, f"upSamplingSequence{i}_{j}to{i - 1}_{j}", up)
        self.lastConv = SegEnd(16, 60)

    def taps(self, grey):
        """What every residual block and every node of the grid gives, by its name in our graph, ending with logits."""
        out, grid = {}, {}
        name = "firstConv.batch2.relu"
        grid[0, 0] = out[name] = torch.relu(self.firstConv(self.batchNormInitial(grey)))
        for j in range(6):
            for i in range(5) if j < 3 else reversed(range(5)):
                parts = []
                if j > 0:
                    name = f"convSequence{i}_{j - 1}to{i}_{j}"
                    parts.append(grid[i, j - 1] + getattr(self, name)(grid[i, j - 1]))
                    out[f"{name}.conv2.add"] = parts[0]
                if j < 3 and i > 0:
                    name = f"subSamplingSequence{i - 1}_{j}to{i}_{j}"
                    parts.append(getattr(self, name)(grid[i - 1, j]))
                if j >= 3 and i < 4:
                    name = f"upSamplingSequence{i + 1}_{j}to{i}_{j}"
                    parts.append(getattr(self, name)(grid[i + 1, j]))
                if (i, j) != (0, 0):
                    grid[i, j] = sum(parts)
                    out[f"{name}.conv2.add" if j > 0 else f"{name}.conv2"] = grid[i, j]
        out["logits"] = self.lastConv(grid[0, 5])
        return out

    def forward(self, grey):
        return self.taps(grey)["logits"]


class ColorStage(nn.Module):
    def __init__(self, before, channels, first=conv, **options):
        super().__init__()
        self.conv1, self.conv2 = first(before, channels, **options), conv(channels, channels)


class ColorNet(nn.Module):
    """A U-Net whose one encoder sees grey [n, 1, h, w] in 0..1 and labels [n, 1, h, w] of 0..59 -> [n, 2, h, w]."""

    CHANNELS = [32, 64, 128, 256, 512, 512]

    def __init__(self):
        super().__init__()
        before = 1
        for i, c in enumerate(self.CHANNELS, 1):
            setattr(self, f"enc{i}", ColorStage(before, c, stride=1 if i == 1 else 2))
            before = c
        for i, c in enumerate(reversed(self.CHANNELS[:5]), 1):
            setattr(self, f"dec{i}", ColorStage(2 * before, 2 * c, deconv))
            before = c
        self.final_conv = conv(64, 2)

    def taps(self, grey, labels):
        """Every layer's output by its name in our graph, ending with ab."""
        out = {}

        def activated(name, x):
            out[f"{name}.leaky_relu"] = torch.nn.functional.leaky_relu(x, 0.1)
            return out[f"{name}.leaky_relu"]

        skips = []
        for x, again in ((grey - 0.5) / 0.5, ""), ((labels / 59 - 0.5) / 0.5, "_2"):
            for i in range(1, 7):
                stage = getattr(self, f"enc{i}")
                x = activated(f"enc{i}.conv1{again}", stage.conv1(x))
                x = activated(f"enc{i}.conv2{again}", stage.conv2(x))
                if again:
                    skips[i - 1] = torch.cat((skips[i - 1], x), 1)
                else:
                    skips.append(torch.nn.functional.instance_norm(x, eps=1e-5))
                    out[f"enc{i}.conv2.leaky_relu.instance_norm"] = skips[-1]
        x = skips[5]
        for i in range(1, 6):
            stage = getattr(self, f"dec{i}")
            x = activated(f"dec{i}.conv1", stage.conv1(x)) + skips[5 - i]
            out[f"dec{i}.conv1.leaky_relu.add"] = x
            x = activated(f"dec{i}.conv2", stage.conv2(x))
        activated("final_conv", self.final_conv(x))
        out["ab"] = out.pop("final_conv.leaky_relu")
        return out

    def forward(self, grey, labels):
        return self.taps(grey, labels)["ab"]
