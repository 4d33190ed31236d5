"""SCGAN's generator in PyTorch, written from its layer table."""
import torch
from torch import nn


class SpectralConv(nn.Module):
    """A convolution with the weight over what one step of a power iteration from weight_u finds; reflected border."""

    def __init__(self, before, channels, kernel, stride):
        super().__init__()
        self.module = nn.Module()
        self.module.weight_u = nn.Parameter(torch.empty(channels))
        self.module.weight_v = nn.Parameter(torch.empty(before * kernel * kernel))
        self.module.weight_bar = nn.Parameter(torch.empty(channels, before, kernel, kernel))
        self.stride = stride

    def weight(self):
        u, w = self.module.weight_u, self.module.weight_bar
        m = w.flatten(1)
        v = m.t() @ u
        v = v / (v.norm() + 1e-12)
        u = m @ v
        u = u / (u.norm() + 1e-12)
        return w / (u @ (m @ v))

    def forward(self, x):
        w = self.weight()
        pad = w.shape[2] // 2
        return torch.nn.functional.conv2d(torch.nn.functional.pad(x, (pad,) * 4, mode="reflect"), w, stride=self.stride)


class ScganBlock(nn.Module):
    def __init__(self, before, channels, kernel=3, stride=1, norm=True, activation=nn.LeakyReLU(0.2)):
        super().__init__()
        if norm:
            self.norm = nn.BatchNorm2d(channels)
        self.conv2d = SpectralConv(before, channels, kernel, stride)
        self.activation = activation

    def taps(self, x, path, batch):
        """Its values by their names in our graph, and its output."""
        out, name = {}, f"{path}.conv2d.module"
        x = out[name] = self.conv2d(x)
        bn = getattr(self, "norm", None)
        if bn is not None:
            name = f"{path}.norm"
            images = x.split(1) if batch and x.shape[0] > 1 else [x]
            x = out[name] = torch.cat([torch.nn.functional.batch_norm(
                image, bn.running_mean, bn.running_var, bn.weight, bn.bias, batch, 0.0, bn.eps) for image in images])
        kind = {nn.LeakyReLU: "leaky_relu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid"}[type(self.activation)]
        x = out[f"{name}.{kind}"] = self.activation(x)
        return out, x


class ScganUp(nn.Module):
    """The block of its input at twice the size."""

    def __init__(self, before, channels):
        super().__init__()
        self.conv2d = ScganBlock(before, channels)

    def taps(self, x, path, batch):
        return self.conv2d.taps(torch.nn.functional.interpolate(x, scale_factor=2, mode="nearest"), f"{path}.conv2d", batch)


class Scgan(nn.Module):
    """Zhao et al. 2020. grey [n, 1 or 3, h, w] in 0..1 -> color [n, 3, h, w] of tanh, saliency [n, 1, h, w].

    norm: "running" statistics, or those of each image on its own ("batch").
    """

    GLOBAL = [("conv1_1", 64, 1), ("conv1_2", 64, 2), ("conv2_1", 128, 1), ("conv2_2", 128, 2), ("conv3_1", 256, 1),
              ("conv3_2", 256, 1), ("conv3_3", 256, 2), ("conv4_1", 512, 1), ("conv4_2", 512, 1), ("conv4_3", 512, 2),
              ("conv5_1", 512, 1), ("conv5_2", 512, 1), ("conv5_3", 512, 1), ("pool5", 512, 2)]
    DOWN = [64, 128, 256, 512, 512, 512, 512, 512, 512]
    UP = [512, 512, 512, 512, 512, 256, 128, 64]

    def __init__(self, channels=1):
        super().__init__()
        self.global_feature_network = nn.Module()
        before = channels
        for name, after, stride in self.GLOBAL:
            setattr(self.global_feature_network, name, ScganBlock(before, after, 3, stride, name != "conv1_1"))
            before = after
        look = self.attention_prediction_network = nn.Module()
        look.conv11, look.conv12, look.conv2 = ScganUp(512, 128), ScganUp(128, 128), ScganUp(256, 128)
        look.conv3, look.conv4 = ScganBlock(128, 128), ScganUp(384, 128)
        look.final = ScganBlock(128, 1, norm=False, activation=nn.Sigmoid())
        before = channels
        for i, after in enumerate(self.DOWN, 1):
            first = i == 1
            setattr(self, f"down{i}", ScganBlock(before, after, 7 if first else 3, 1 if first else 2, i not in (1, 9)))
            before = 1024 if i == 6 else after
        for i, after in enumerate(self.UP, 1):
            setattr(self, f"up{i}", ScganUp(before, after))
            before = after + self.DOWN[8 - i]
        self.up9 = ScganBlock(before, 3, norm=False, activation=nn.Tanh())

    def taps(self, grey, norm="running"):
        """Every layer's output by its name in our graph, and color and saliency."""
        out, batch = {}, norm == "batch"

        def run(layer, x, path):
            values, x = layer.taps(x, path, batch)
            out.update(values)
            return x

        x = grey
        for name, _, _ in self.GLOBAL:
            x = run(getattr(self.global_feature_network, name), x, f"global_feature_network.{name}")
        seen, x, down, up = x, grey, {}, {}
        for i in range(1, 10):
            x = torch.cat((x, seen), 1) if i == 7 else x
            x = down[i] = run(getattr(self, f"down{i}"), x, f"down{i}")
        for i in range(1, 9):
            up[i] = run(getattr(self, f"up{i}"), x, f"up{i}")
            x = torch.cat((down[9 - i], up[i]), 1)
        out["color"] = run(self.up9, x, "up9")
        out["saliency"] = self.saliency(up, run)
        return out

    def saliency(self, up, run):
        def look(name, x):
            return run(getattr(self.attention_prediction_network, name), x, f"attention_prediction_network.{name}")

        wide = look("conv12", look("conv11", up[5]))
        return look("final", look("conv4", torch.cat((wide, look("conv2", up[6]), look("conv3", up[7])), 1)))

    def forward(self, grey, norm="running"):
        out = self.taps(grey, norm)
        return out["color"], out["saliency"]
