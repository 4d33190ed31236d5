"""Inception-ResNet-v2 and the colour network of deep-koalarization in PyTorch, written from their layer tables.

State dictionaries have the TensorFlow variables' names, with dots for slashes, in PyTorch's layouts.
"""
import torch
from torch import nn
from torch.nn import functional


def same_padding(size, kernel, stride):
    """TensorFlow's SAME along one axis: zeros before and behind."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SlimConv(nn.Module):
    """Convolution without bias, batch norm without gamma, ReLU."""

    def __init__(self, before, channels, kernel=(1, 1), stride=1, same=True):
        super().__init__()
        self.weights = nn.Parameter(torch.empty(channels, before, *kernel))
        self.BatchNorm = nn.Module()
        self.BatchNorm.beta = nn.Parameter(torch.empty(channels))
        self.BatchNorm.register_buffer("moving_mean", torch.empty(channels))
        self.BatchNorm.register_buffer("moving_variance", torch.empty(channels))
        self.stride = stride
        # Every SAME layer has stride 1 and an odd kernel.
        self.padding = tuple(k // 2 for k in kernel) if same else 0

    def forward(self, x):
        x = functional.conv2d(x, self.weights, None, self.stride, self.padding)
        norm = self.BatchNorm
        return torch.relu(functional.batch_norm(x, norm.moving_mean, norm.moving_variance, None, norm.beta, False, 0.0, 0.001))


class SlimLinear(nn.Module):
    """1x1 convolution with bias."""

    def __init__(self, before, channels):
        super().__init__()
        self.weights = nn.Parameter(torch.empty(channels, before, 1, 1))
        self.biases = nn.Parameter(torch.empty(channels))

    def forward(self, x):
        return functional.conv2d(x, self.weights, self.biases)


def branch(before, layers):
    """layers: (name, channels, kernel_h, kernel_w[, stride of a VALID one])"""
    made = nn.Module()
    made.names = []
    for name, channels, kernel_h, kernel_w, *valid in layers:
        made.add_module(name, SlimConv(before, channels, (kernel_h, kernel_w), *(valid or [1]), same=not valid))
        made.names.append(name)
        before = channels
    return made, before


class Mixed(nn.Module):
    """Branches of one input, joined; with what is pooled of it behind them, or in front of the last branch."""

    def __init__(self, before, branches, pooled=None, last=None):
        super().__init__()
        self.channels, self.pooled, self.count = 0, pooled, len(branches)
        for i, layers in enumerate(branches + ([last] if last else [])):
            made, after = branch(before, layers)
            self.add_module(f"Branch_{i}", made)
            self.channels += after
        self.channels += before if pooled and not last else 0
        self.last = last

    def run(self, x, i):
        made = getattr(self, f"Branch_{i}")
        for name in made.names:
            x = getattr(made, name)(x)
        return x

    def forward(self, x):
        parts = [self.run(x, i) for i in range(self.count)]
        if self.pooled == "max":
            parts.append(functional.max_pool2d(x, 3, 2))
        if self.pooled == "average":
            mean = functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
            parts.append(self.run(mean, self.count))
        return torch.cat(parts, 1)


class Residual(Mixed):
    def __init__(self, before, branches, scale, activated=True):
        super().__init__(before, branches)
        self.Conv2d_1x1 = SlimLinear(self.channels, before)
        self.scale, self.activated = scale, activated

    def forward(self, x):
        x = x + self.scale * self.Conv2d_1x1(super().forward(x))
        return torch.relu(x) if self.activated else x


BLOCK35 = [[("Conv2d_1x1", 32, 1, 1)], [("Conv2d_0a_1x1", 32, 1, 1), ("Conv2d_0b_3x3", 32, 3, 3)],
           [("Conv2d_0a_1x1", 32, 1, 1), ("Conv2d_0b_3x3", 48, 3, 3), ("Conv2d_0c_3x3", 64, 3, 3)]]
BLOCK17 = [[("Conv2d_1x1", 192, 1, 1)],
           [("Conv2d_0a_1x1", 128, 1, 1), ("Conv2d_0b_1x7", 160, 1, 7), ("Conv2d_0c_7x1", 192, 7, 1)]]
BLOCK8 = [[("Conv2d_1x1", 192, 1, 1)],
          [("Conv2d_0a_1x1", 192, 1, 1), ("Conv2d_0b_1x3", 224, 1, 3), ("Conv2d_0c_3x1", 256, 3, 1)]]


class InceptionResnetV2(nn.Module):
    """Szegedy et al. 2016, TF-slim. image [n, 3, 299, 299] in -1..1 -> logits [n, 1001], prelogits [n, 1536]."""

    def __init__(self):
        super().__init__()
        net = self.InceptionResnetV2 = nn.Module()
        net.Conv2d_1a_3x3 = SlimConv(3, 32, (3, 3), 2, same=False)
        net.Conv2d_2a_3x3 = SlimConv(32, 32, (3, 3), same=False)
        net.Conv2d_2b_3x3 = SlimConv(32, 64, (3, 3))
        net.Conv2d_3b_1x1 = SlimConv(64, 80)
        net.Conv2d_4a_3x3 = SlimConv(80, 192, (3, 3), same=False)
        net.Mixed_5b = Mixed(192, [
            [("Conv2d_1x1", 96, 1, 1)],
            [("Conv2d_0a_1x1", 48, 1, 1), ("Conv2d_0b_5x5", 64, 5, 5)],
            [("Conv2d_0a_1x1", 64, 1, 1), ("Conv2d_0b_3x3", 96, 3, 3), ("Conv2d_0c_3x3", 96, 3, 3)],
        ], "average", [("Conv2d_0b_1x1", 64, 1, 1)])
        net.Repeat = self.blocks("block35", 10, 320, BLOCK35, 0.17)
        net.Mixed_6a = Mixed(320, [
            [("Conv2d_1a_3x3", 384, 3, 3, 2)],
            [("Conv2d_0a_1x1", 256, 1, 1), ("Conv2d_0b_3x3", 256, 3, 3), ("Conv2d_1a_3x3", 384, 3, 3, 2)],
        ], "max")
        net.Repeat_1 = self.blocks("block17", 20, 1088, BLOCK17, 0.10)
        net.Mixed_7a = Mixed(1088, [
            [("Conv2d_0a_1x1", 256, 1, 1), ("Conv2d_1a_3x3", 384, 3, 3, 2)],
            [("Conv2d_0a_1x1", 256, 1, 1), ("Conv2d_1a_3x3", 288, 3, 3, 2)],
            [("Conv2d_0a_1x1", 256, 1, 1), ("Conv2d_0b_3x3", 288, 3, 3), ("Conv2d_1a_3x3", 320, 3, 3, 2)],
        ], "max")
        net.Repeat_2 = self.blocks("block8", 9, 2080, BLOCK8, 0.20)
        net.Block8 = Residual(2080, BLOCK8, 1.0, activated=False)
        net.Conv2d_7b_1x1 = SlimConv(2080, 1536)
        net.Logits = nn.Module()
        net.Logits.Logits = nn.Module()
        net.Logits.Logits.weights = nn.Parameter(torch.empty(1001, 1536))
        net.Logits.Logits.biases = nn.Parameter(torch.empty(1001))

    @staticmethod
    def blocks(name, count, channels, branches, scale):
        made = nn.Module()
        for i in range(1, count + 1):
            made.add_module(f"{name}_{i}", Residual(channels, branches, scale))
        return made

    def taps(self, image):
        """Values by their names in our graph, and logits and prelogits."""
        net, out = self.InceptionResnetV2, {}

        def put(name, x):
            out[f"InceptionResnetV2/{name}"] = x
            return x

        def layer(name, x):
            return put(f"{name}/BatchNorm.relu", getattr(net, name)(x))

        def pooled(name, x):
            return put(f"{name}/BatchNorm.relu.pool", functional.max_pool2d(layer(name, x), 3, 2))

        def blocks(scope, name, x):
            for i, block in enumerate(getattr(net, scope).children(), 1):
                x = put(f"{scope}/{name}_{i}/Conv2d_1x1.affine.add.relu", block(x))
            return x

        x = pooled("Conv2d_2b_3x3", layer("Conv2d_2a_3x3", layer("Conv2d_1a_3x3", image)))
        x = pooled("Conv2d_4a_3x3", layer("Conv2d_3b_1x1", x))
        x = put("Mixed_5b/Branch_0/Conv2d_1x1/BatchNorm.relu.concat", net.Mixed_5b(x))
        x = blocks("Repeat", "block35", x)
        x = put("Mixed_6a/Branch_0/Conv2d_1a_3x3/BatchNorm.relu.concat", net.Mixed_6a(x))
        x = blocks("Repeat_1", "block17", x)
        x = put("Mixed_7a/Branch_0/Conv2d_1a_3x3/BatchNorm.relu.concat", net.Mixed_7a(x))
        x = blocks("Repeat_2", "block8", x)
        x = put("Block8/Conv2d_1x1.add", net.Block8(x))
        x = layer("Conv2d_7b_1x1", x)
        out["prelogits"] = x.mean((2, 3), keepdim=True)
        classes = net.Logits.Logits
        out["logits"] = (out["prelogits"].flatten(1) @ classes.weights.t() + classes.biases)[:, :, None, None]
        return out

    def forward(self, image):
        out = self.taps(image)
        return out["logits"], out["prelogits"]


class KerasConv(nn.Module):
    """With bias, SAME."""

    def __init__(self, before, channels, kernel=3, stride=1):
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(channels, before, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(channels))
        self.stride = stride

    def forward(self, x):
        size = self.kernel.shape[2]
        (top, bottom), (left, right) = (same_padding(x.shape[i], size, self.stride) for i in (2, 3))
        return functional.conv2d(functional.pad(x, (left, right, top, bottom)), self.kernel, self.bias, self.stride)


class Koalarization(nn.Module):
    """Baldassarre et al. 2017. l [n, 1, h, w] in -1..1, embedding [n, 1001] -> ab [n, 2, 8 ceil(h/8), 8 ceil(w/8)] of tanh.

    The fusion is the published one: the embedding at every pixel.
    """

    LAYERS = [(64, 3, 2), (128, 3, 1), (128, 3, 2), (256, 3, 1), (256, 3, 2), (512, 3, 1), (512, 3, 1), (256, 3, 1),
              (256, 1, 1), (128, 3, 1), (64, 3, 1), (64, 3, 1), (32, 3, 1), (2, 3, 1)]
    FUSION, EMBEDDING = 9, 1001

    def __init__(self):
        super().__init__()
        before = 1
        for number, (channels, kernel, stride) in enumerate(self.LAYERS, 1):
            before += self.EMBEDDING if number == self.FUSION else 0
            setattr(self, f"conv2d_{number}", KerasConv(before, channels, kernel, stride))
            before = channels

    def taps(self, l, embedding):
        """Values by their names in our graph, and ab."""
        out, x = {}, l
        for number in range(1, 14):
            name = f"conv2d_{number}.relu"
            if number == self.FUSION:
                name = "conv2d_9_2.add.relu"
                x = torch.cat((x, embedding.flatten(1)[:, :, None, None].expand(-1, -1, *x.shape[2:])), 1)
            x = out[name] = torch.relu(getattr(self, f"conv2d_{number}")(x))
            if number in (10, 12):
                x = functional.interpolate(x, scale_factor=2, mode="nearest")
        out["conv2d_14.tanh"] = torch.tanh(self.conv2d_14(x))
        out["ab"] = functional.interpolate(out["conv2d_14.tanh"], scale_factor=2, mode="nearest")
        return out

    def forward(self, l, embedding):
        return self.taps(l, embedding)["ab"]
