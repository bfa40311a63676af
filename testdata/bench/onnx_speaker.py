"""The speaker network as an ONNX graph, built node by node from its weights file: a speed reference that computes the same.

Weights are those that models/train/speaker/export.py writes: convolutions as [k*C, out] tap by tap, layers with a bias as [out, in].
"""
import json
import struct

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13


def read_weights(path):
    """Return ({name: float32 array}, metadata) of a safetensors file of F16 or F32."""
    with open(path, "rb") as f:
        data = f.read()
    (n,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + n])
    metadata = header.pop("__metadata__", {})
    kinds = {"F16": "<f2", "F32": "<f4"}
    out = {}
    for name, t in header.items():
        a, b = t["data_offsets"]
        out[name] = np.frombuffer(data[8 + n + a : 8 + n + b], kinds[t["dtype"]]).astype(np.float32).reshape(t["shape"])
    return out, metadata


class Graph:
    """Collects nodes and constants; every method returns the name of its output."""

    def __init__(self, weights):
        self.w, self.nodes, self.constants, self.n = weights, [], {}, 0

    def const(self, x, name=None):
        name = name or f"c{len(self.constants)}"
        self.constants.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(x), name))
        return name

    def op(self, kind, *inputs, **attributes):
        self.n += 1
        out = f"t{self.n}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def conv(self, name, x, k, dilation=1, stride=1):
        """[1, C, T] -> [1, out, T/stride]."""
        m = self.w[name + ".weight"]
        kernel = self.const(m.reshape(k, -1, m.shape[1]).transpose(2, 1, 0), name)
        pad = dilation * (k - 1) // 2
        return self.op("Conv", x, kernel, dilations=[dilation], strides=[stride], pads=[pad, pad], kernel_shape=[k])

    def norm(self, name, x):
        parts = [self.const(self.w[f"{name}.{p}"], f"{name}.{p}") for p in ("weight", "bias", "running_mean", "running_var")]
        return self.op("BatchNormalization", x, *parts, epsilon=1e-5)

    def dense(self, name, x):
        return self.op("Gemm", x, self.const(self.w[name + ".weight"], name + ".w"), self.const(self.w[name + ".bias"], name + ".b"), transB=1)

    def mean(self, x, keep=1):
        return self.op("ReduceMean", x, axes=[2], keepdims=keep)

    def column(self, x):
        return self.op("Unsqueeze", x, self.const(np.array([2], np.int64), "two"))


def build(weights, dilations):
    """Return the model: rows [1, 40, T] -> embedding [1, D]."""
    g = Graph(weights)
    x = g.op("Relu", g.norm("first_norm", g.conv("first", "rows", 5, stride=2)))
    kept = []
    for i, d in enumerate(dilations):
        p = f"blocks.{i}."
        y = g.op("Relu", g.norm(p + "norm", g.conv(p + "conv", x, 3, d)))
        s = g.op("Sigmoid", g.dense(p + "se.up", g.op("Relu", g.dense(p + "se.down", g.mean(y, 0)))))
        x = g.op("Add", x, g.op("Mul", y, g.column(s)))
        kept.append(x)
    x = g.op("Relu", g.norm("join_norm", g.conv("join", g.op("Concat", *kept, axis=1), 1)))

    def deviation(centred, weight=None):
        square = g.op("Mul", centred, centred)
        var = g.mean(square, 0) if weight is None else g.op("ReduceSum", g.op("Mul", weight, square), g.const(np.array([2], np.int64), "two"), keepdims=0)
        return var

    mean = g.mean(x)
    sd = g.op("Sqrt", g.op("Add", deviation(g.op("Sub", x, mean)), g.const(np.float32(1e-6), "eps")))
    flat = g.op("Squeeze", mean, g.const(np.array([2], np.int64), "two"))
    context = g.column(g.dense("pool.context", g.op("Concat", flat, sd, axis=1)))
    e = g.op("Tanh", g.op("Add", g.conv("pool.frame", x, 1), context))
    score = weights["pool.score.weight"]
    a = g.op("Conv", e, g.const(score[:, :, None], "pool.score.w"), g.const(weights["pool.score.bias"], "pool.score.b"), kernel_shape=[1])
    a = g.op("Softmax", a, axis=2)
    two = g.const(np.array([2], np.int64), "two")
    mean = g.op("ReduceSum", g.op("Mul", a, x), two, keepdims=1)
    var = deviation(g.op("Sub", x, mean), a)
    sd = g.op("Sqrt", g.op("Max", var, g.const(np.float32(1e-6), "eps")))
    pooled = g.norm("pool_norm", g.op("Concat", g.op("Squeeze", mean, two), sd, axis=1))
    out = g.norm("embed_norm", g.op("MatMul", pooled, g.const(weights["embed.weight"], "embed")))
    g.nodes[-1].output[0] = "embedding"
    del out
    dims, bands = weights["embed.weight"].shape[1], weights["first.weight"].shape[0] // 5
    graph = helper.make_graph(
        g.nodes, "speaker",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [1, bands, "T"])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, dims])],
        list(g.constants.values()),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def session(weights, dilations):
    """Return an onnxruntime session on one thread."""
    import onnxruntime as ort

    o = ort.SessionOptions()
    o.intra_op_num_threads = o.inter_op_num_threads = 1
    return ort.InferenceSession(build(weights, dilations).SerializeToString(), o, providers=["CPUExecutionProvider"])


def from_file(path):
    """Return the session of a weights file."""
    weights, metadata = read_weights(path)
    return session(weights, [int(d) for d in metadata["dilations"].split(",")])


def check_golden(folder="testdata/golden/nn"):
    """Hold the graph against the golden embeddings of PyTorch; returns the largest relative error."""
    s = from_file(f"{folder}/speaker.safetensors")
    with open(f"{folder}/speaker.json") as f:
        golden = json.load(f)
    worst, n = 0.0, 0
    for v in golden["values"]:
        if not isinstance(v.get("rows"), list):
            continue
        want = np.array(v["values"])
        got = s.run(None, {"rows": np.array(v["rows"], np.float32).T[None]})[0][0]
        worst, n = max(worst, float(np.abs(got - want).max() / np.abs(want).max())), n + 1
    if n == 0 or worst > 1e-3:
        raise SystemExit(f"the graph differs from the golden embeddings by {worst:.2g} in {n} cases, want at most 1e-3")
    return worst
