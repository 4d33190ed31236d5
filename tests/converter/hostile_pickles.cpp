#include "tests/converter/hostile_cases.h"
#include "tests/support/checkpoint_writer.h"

namespace cuhue::testing {
namespace {

const std::string& command() {
  static const std::string text = std::string("touch ") + kCanary;
  return text;
}

// In each container in turn, so that every reader meets hostile pickles: position i of a list decides.
std::string contain(const std::string& pickle, std::size_t container) {
  if (container % 3 == 0) return pickle;
  if (container % 3 == 1) return zip_archive(torch_members(pickle, {}));
  return legacy_stream(pickle, {});
}

std::string call(std::string_view module, std::string_view name, std::string_view argument) {
  return Pickle(2).global(module, name).mark().text(argument).tuple().reduce().stop();
}

std::string repeated(std::string_view what, std::size_t count) {
  std::string out;
  out.reserve(what.size() * count);
  for (std::size_t i = 0; i < count; ++i) out += what;
  return out;
}

}  // namespace

std::vector<HostileCase> code_executing_pickles() {
  const std::string nested = call("os", "system", command());
  std::vector<HostileCase> cases = {
      {"REDUCE of os.system", call("os", "system", command()),
       "byte 2: global 'os.system' is not allowed (opcode GLOBAL)"},
      {"REDUCE of posix.system", call("posix", "system", command()), "global 'posix.system'"},
      {"REDUCE of builtins.eval", call("builtins", "eval", "__import__('os').system('" + command() + "')"),
       "global 'builtins.eval'"},
      {"REDUCE of builtins.exec", call("builtins", "exec", "import os"), "global 'builtins.exec'"},
      {"Python 2's __builtin__.eval", call("__builtin__", "eval", "1"), "global '__builtin__.eval'"},
      {"subprocess.Popen", call("subprocess", "Popen", command()), "global 'subprocess.Popen'"},
      {"runpy", call("runpy", "_run_code", command()), "global 'runpy._run_code'"},
      {"webbrowser", call("webbrowser", "open", "http://localhost"), "global 'webbrowser.open'"},
      {"getattr chain", call("builtins", "getattr", "os"), "global 'builtins.getattr'"},
      {"import", call("builtins", "__import__", "os"), "global 'builtins.__import__'"},
      {"operator.attrgetter", call("operator", "attrgetter", "system"), "global 'operator.attrgetter'"},
      {"functools.partial", call("functools", "partial", "x"), "global 'functools.partial'"},
      {"torch.load inside", call("torch", "load", "other.pth"), "global 'torch.load'"},
      {"nested load from bytes",
       Pickle(3).global("torch.storage", "_load_from_bytes").mark().bytes(nested).tuple().reduce().stop(),
       "global 'torch.storage._load_from_bytes'"},
      {"pickle.loads of a nested pickle",
       Pickle(3).global("pickle", "loads").mark().bytes(nested).tuple().reduce().stop(),
       "global 'pickle.loads'"},
      {"numpy.load", call("numpy", "load", "x.npy"), "global 'numpy.load'"},
      {"numpy's hidden exec", call("numpy.testing._private.utils", "runstring", command()),
       "global 'numpy.testing._private.utils.runstring'"},
      {"dotted name below an allowed module", call("torch._utils", "os.system", command()),
       "global 'torch._utils.os.system'"},
      {"dotted name through an allowed class", call("collections", "OrderedDict.__init__", "x"),
       "global 'collections.OrderedDict.__init__'"},
      {"allowed name with a trailing space", call("collections", "OrderedDict ", "x"),
       "global 'collections.OrderedDict '"},
      {"name in another case", call("collections", "ordereddict", "x"), "global 'collections.ordereddict'"},
      {"STACK_GLOBAL",
       Pickle(4).text("os").text("system").raw("\x93").mark().text(command()).tuple().reduce().stop(),
       "global 'os.system' is not allowed (opcode STACK_GLOBAL)"},
      {"STACK_GLOBAL with names from the memo",
       Pickle(4)
           .text("os")
           .raw("\x94")
           .text("system")
           .raw("\x94")
           .raw("0")
           .raw("0")
           .raw("h")
           .raw(le(0, 1))
           .raw("h\x01")
           .raw("\x93")
           .stop(),
       "global 'os.system' is not allowed (opcode STACK_GLOBAL)"},
      {"STACK_GLOBAL of something that is no name", Pickle(4).integer(1).integer(2).raw("\x93").stop(),
       "STACK_GLOBAL finds no names"},
      {"INST", "(dp0\nVx\n(S'" + command() + "'\nios\nsystem\ns.",
       "opcode INST is refused (it would create a os.system)"},
      {"OBJ", Pickle(2).mark().global("collections", "OrderedDict").text(command()).raw("o").stop(),
       "opcode OBJ is refused"},
      {"OBJ of a forbidden class", Pickle(2).mark().global("os", "system").text(command()).raw("o").stop(),
       "global 'os.system'"},
      {"NEWOBJ", Pickle(2).global("collections", "OrderedDict").raw(")\x81").stop(),
       "opcode NEWOBJ is refused"},
      {"NEWOBJ_EX", Pickle(4).global("collections", "OrderedDict").raw(")}\x92").stop(),
       "opcode NEWOBJ_EX is refused"},
      {"EXT1", Pickle(2).raw("\x82\x01").stop(), "byte 2: opcode EXT1 is refused"},
      {"EXT2", Pickle(2).raw("\x83\x01\x01").stop(), "opcode EXT2 is refused"},
      {"EXT4", Pickle(2).raw("\x84\x01\x01\x01\x01").stop(), "opcode EXT4 is refused"},
      {"DUP", Pickle(2).raw("N2").stop(), "opcode DUP is refused"},
      {"NEXT_BUFFER", Pickle(5).raw("\x97").stop(), "opcode NEXT_BUFFER is refused"},
      {"READONLY_BUFFER", Pickle(5).raw("N\x98").stop(), "opcode READONLY_BUFFER is refused"},
      {"BUILD of a list", Pickle(2).raw("]").dict().raw("b").stop(),
       "opcode BUILD is refused: it would set attributes of a list"},
      {"BUILD of a dict with __setstate__",
       Pickle(2).dict().dict().mark().text("__setstate__").text("x").set_items().raw("b").stop(),
       "BUILD is refused: it would set attributes of a dict"},
      {"BUILD of a class's __dict__",
       Pickle(2)
           .global("collections", "OrderedDict")
           .dict()
           .mark()
           .text("__reduce__")
           .raw("N")
           .set_items()
           .raw("b")
           .stop(),
       "BUILD is refused: it would set attributes of a global"},
      {"REDUCE of a text", Pickle(2).text("os.system").mark().text(command()).tuple().reduce().stop(),
       "REDUCE is refused: it would call a str"},
      {"REDUCE of a REDUCE's result",
       Pickle(2).global("collections", "OrderedDict").raw(")").reduce().raw(")").reduce().stop(),
       "REDUCE is refused: it would call a dict"},
      {"REDUCE of an allowed class that is no function",
       Pickle(2).global("numpy", "ndarray").raw(")").reduce().stop(),
       "REDUCE is refused: it would call numpy.ndarray"},
      {"REDUCE of a storage",
       Pickle(2).global("torch", "FloatStorage").mark().integer(1 << 30).tuple().reduce().stop(),
       "REDUCE is refused: it would call torch."},
      {"_reconstruct of another class",
       Pickle(2)
           .global("numpy.core.multiarray", "_reconstruct")
           .mark()
           .global("collections", "OrderedDict")
           .integer(0)
           .raw("\x85")
           .text("b")
           .tuple()
           .reduce()
           .stop(),
       "_reconstruct makes numpy.ndarray only"},
      {"whole model instead of a state dict", call("torch.nn.modules.conv", "Conv2d", ""),
       "global 'torch.nn.modules.conv.Conv2d' is not allowed"},
      {"object dtype",
       Pickle(2).global("numpy", "dtype").mark().text("O8").raw("\x89\x88").tuple().reduce().stop(),
       "numpy.dtype 'O8' is not a numeric type"},
      {"codec other than latin1",
       Pickle(2).global("_codecs", "encode").mark().text("x").text("rot13").tuple().reduce().stop(),
       "_codecs.encode takes a text and 'latin1'"},
  };
  for (std::size_t i = 0; i < cases.size(); ++i)
    if (cases[i].contents[0] == '\x80' && cases[i].message.starts_with("byte") == false)
      cases[i].contents = contain(cases[i].contents, i);
  // Persistent ids belong into PyTorch files, and there only as storages.
  cases.push_back({"persistent id in a pickle that stands alone", Pickle(2).text(command()).raw("Q").stop(),
                   "opcode BINPERSID is refused"});
  cases.push_back({"text persistent id", "(dp0\nVx\nPos.system\ns.", "byte 8: opcode PERSID is refused"});
  cases.push_back({"persistent id that is no storage",
                   zip_archive(torch_members(Pickle(2)
                                                 .dict()
                                                 .mark()
                                                 .text("a")
                                                 .global("torch._utils", "_rebuild_tensor")
                                                 .mark()
                                                 .text(command())
                                                 .raw("Q")
                                                 .integer(0)
                                                 .raw("))")
                                                 .tuple()
                                                 .reduce()
                                                 .set_items()
                                                 .stop(),
                                             {})),
                   "storage id is not ('storage', type, key, location, elements)"});
  return cases;
}

std::vector<HostileCase> pickle_bombs() {
  Pickle laughs(4);  // every list holds the one before ten times
  laughs.raw("]\x94");
  for (int level = 0; level < 60; ++level) {
    laughs.raw("0](");
    for (int i = 0; i < 10; ++i) laughs.raw("h").raw(le(static_cast<std::uint64_t>(level), 1));
    laughs.raw("e\x94");
  }
  Pickle latin(2);  // a text encoded again and again
  latin.raw("](").text(repeated("\xc3\xa9", 1 << 19)).raw("q").raw(le(0, 1)).raw("0");
  for (int i = 0; i < 200; ++i)
    latin.global("_codecs", "encode").mark().raw("h").raw(le(0, 1)).text("latin1").tuple().reduce();
  latin.raw("e");
  Pickle memo(2);
  memo.raw("](");
  for (std::uint64_t i = 0; i < 600000; ++i) memo.raw("Nr").raw(le(i, 4)).raw("0");
  return {
      {"billion laughs", laughs.stop(), "the file holds a list, not a state dict"},
      {"memo index of four billion", Pickle(2).raw("Nr\xff\xff\xff\xff").stop(),
       "byte 3: memo index 4294967295 where 0 are in use"},
      {"text memo index", "Np99999999999\n.", "begins with 'Np99999999999?.'"},
      {"text memo index in a dict", "(dp99999999999\n.", "byte 2: memo index 99999999999"},
      {"memo flood", memo.stop(), "values than any checkpoint has"},
      {"value flood", Pickle(2).raw("](").raw(repeated("K\x01", 3'000'000)).raw("e").stop(),
       "values than any checkpoint has"},
      {"stack flood of one value",
       Pickle(2).raw("Nq").raw(le(0, 1)).raw(repeated(std::string("h\0", 2), 2'000'000)).stop(),
       "more than 262144 values on the stack"},
      {"mark flood", Pickle(2).raw(repeated("(", 2'000'000)).stop(), "more than 1000 open marks"},
      {"lists nested a million deep",
       Pickle(2).raw(repeated("]", 200'000)).raw(repeated("a", 199'999)).stop(),
       "containers nested more than 100 deep"},
      {"tuples nested a million deep", Pickle(2).raw("N").raw(repeated("\x85", 1'000'000)).stop(),
       "containers nested more than 100 deep"},
      {"latin-1 flood", latin.stop(), "_codecs.encode needs more memory than the file is long"},
      {"LONG4 of two gigabytes", Pickle(2).raw("\x8b\xff\xff\xff\x7f").stop(),
       "byte 2: needs 2147483647 bytes where only 1 are left"},
      {"LONG4 of negative length", Pickle(2).raw("\x8b\xff\xff\xff\xff").stop(), "needs 4294967295 bytes"},
      {"BINUNICODE8 of all memory", Pickle(4).raw("\x8d\xff\xff\xff\xff\xff\xff\xff\xff").stop(),
       "needs 18446744073709551615 bytes where only 1 are left"},
      {"BINBYTES8 of an exabyte", Pickle(4).raw("\x8e").raw(le(1ull << 60, 8)).stop(),
       "needs 1152921504606846976 bytes"},
      {"BYTEARRAY8 of an exabyte", Pickle(5).raw("\x96").raw(le(1ull << 60, 8)).stop(),
       "needs 1152921504606846976 bytes"},
      {"BINUNICODE of four gigabytes", Pickle(2).raw("X\xff\xff\xff\xff").stop(), "needs 4294967295 bytes"},
      {"BINBYTES of four gigabytes", Pickle(3).raw("B\xff\xff\xff\xff").stop(), "needs 4294967295 bytes"},
      {"frame of an exabyte", Pickle(4).raw("\x95").raw(le(1ull << 60, 8)).raw("N").stop(),
       "byte 2: a frame of 1152921504606846976 bytes where only 2 are left"},
  };
}

std::vector<HostileCase> broken_pickles() {
  const std::string zeros(8, '\0');
  return {
      {"frame that ends inside an opcode", Pickle(4).raw("\x95").raw(le(3, 8)).raw("J").raw(le(1, 4)).stop(),
       "reaches beyond the end of its frame"},
      {"frame inside a frame",
       Pickle(4).raw("\x95").raw(le(12, 8)).raw("\x95").raw(le(2, 8)).raw("NN").stop(),
       "a frame inside a frame"},
      {"STOP before the frame's end", Pickle(4).raw("\x95").raw(le(4, 8)).raw("N").stop() + "NN",
       "STOP before the end of its frame"},
      {"protocol 9", std::string("\x80\x05\x80\x09.", 5), "opcode PROTO in the middle of a pickle"},
      {"no STOP", Pickle(2).dict().so_far(), "byte 3: the pickle is cut short"},
      {"STOP on an empty stack", Pickle(2).stop(), "STOP with 0 values"},
      {"STOP on two values", Pickle(2).raw("NN").stop(), "STOP with 2 values"},
      {"STOP below an open mark", Pickle(2).raw("N(").stop(), "STOP with 1 values"},
      {"data after STOP", Pickle(2).dict().stop() + "more", "byte 4: data after the end of the pickle"},
      {"unknown opcode", Pickle(2).raw("\xfe").stop(), "0xfe is not a pickle opcode"},
      {"TUPLE without a mark", Pickle(2).raw("Nt").stop(), "TUPLE finds no mark"},
      {"TUPLE2 of one value", Pickle(2).raw("N\x86").stop(), "TUPLE2 finds too few values"},
      {"TUPLE2 across a mark", Pickle(2).raw("N(N\x86").stop(), "TUPLE2 finds too few values"},
      {"POP of nothing", Pickle(2).raw("0").stop(), "POP finds the stack empty"},
      {"REDUCE of nothing", Pickle(2).raw("R").stop(), "REDUCE finds the stack empty"},
      {"SETITEMS of an odd count", Pickle(2).raw("}(N").set_items().stop(), "a key without a value"},
      {"SETITEM on a list", Pickle(2).raw("]NNs").stop(), "sets items of something that is not a dict"},
      {"APPEND to a dict", Pickle(2).raw("}Na").stop(), "appends to something that is not a list"},
      {"memo entry never written", Pickle(2).raw("h\x05").stop(), "memo entry 5 does not exist"},
      {"GLOBAL without its second line", Pickle(2).raw("ccollections\n").so_far(), "cut short"},
      {"GLOBAL without an end", Pickle(2).raw("ccollections").so_far(), "a line without an end"},
      {"INT that is no number", "(dp0\nVa\nI12x\ns.", "'12x' is not an integer"},
      {"FLOAT that is no number", "(dp0\nVa\nFx\ns.", "'x' is not a number"},
      {"UNICODE with half an escape", "(dp0\nV\\u12\nNs.", "a malformed escape"},
      {"STRING without quotes", "(dp0\nSabc\nNs.", "a string without its quotes"},
      {"root that is a number", Pickle(2).integer(5).stop(), "the file holds an int, not a state dict"},
      {"no tensors", Pickle(2).dict().mark().text("epoch").integer(3).set_items().stop(),
       "the file holds no tensors"},
      {"an array that was never filled",
       Pickle(3)
           .dict()
           .mark()
           .text("a")
           .global("numpy.core.multiarray", "_reconstruct")
           .mark()
           .global("numpy", "ndarray")
           .integer(0)
           .raw("\x85")
           .bytes("b")
           .tuple()
           .reduce()
           .set_items()
           .stop(),
       "the file holds no tensors"},
      {"a dict that holds itself",
       Pickle(2).raw("}q").raw(le(0, 1)).mark().text("model").raw("h").raw(le(0, 1)).set_items().stop(),
       "wrapped in more than 4 dictionaries"},
  };
}

}  // namespace cuhue::testing
