#include "converter/pickle.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "converter/pickle_machine.h"
#include "weights/text.h"

// The opcodes are those of Python's pickletools documentation.
namespace cuhue::pickle {
namespace detail {

Parsed Machine::run() {
  for (;;) {
    check_frame();
    at_ = next_;
    const auto op = static_cast<unsigned char>(take(1)[0]);
    if (op == '.') break;  // STOP
    if (!run_scalar(op) && !run_text(op) && !run_container(op) && !run_memo(op) && !run_object(op))
      refuse(op);
  }
  if (frame_end_ != 0 && next_ != frame_end_) fail_damaged("STOP before the end of its frame");
  if (!marks_.empty() || stack_.size() != 1)
    fail_damaged("STOP with " + std::to_string(stack_.size()) + " values on the stack instead of one");
  return {stack_[0], next_};
}

void Machine::fail_damaged(const std::string& what) const {
  fail(what + "; the file is damaged, get it again");
}

void Machine::refuse(unsigned char op) {
  constexpr const char* kRemedy = "; save only the tensors: torch.save(model.state_dict(), FILE)";
  const std::string name(opcode_name(op));
  if (name.empty()) {
    constexpr char kDigits[] = "0123456789abcdef";
    fail_damaged(std::string("0x") + kDigits[op >> 4] + kDigits[op & 15] + " is not a pickle opcode");
  }
  std::string what = "opcode " + name + " is refused";
  if (op == 'i') {  // INST names what it wants in its argument
    const std::string_view module = take_line();
    what += " (it would create a " + clean_text(module, kMaxShownText) + "." +
            clean_text(take_line(), kMaxShownText) + ")";
  }
  fail(what + kRemedy);
}

// ---- reading

std::string_view Machine::take(std::uint64_t size) {
  if (size > left()) {
    if (size == 1) fail_damaged("the pickle is cut short");
    fail_damaged("needs " + std::to_string(size) + " bytes where only " + std::to_string(left()) +
                 " are left");
  }
  const auto* begin = reinterpret_cast<const char*>(source_.bytes.data()) + next_;
  next_ += static_cast<std::size_t>(size);
  return {begin, static_cast<std::size_t>(size)};
}

std::string_view Machine::take_line() {
  if (left() == 0) fail_damaged("the pickle is cut short");
  const auto* begin = reinterpret_cast<const char*>(source_.bytes.data()) + next_;
  const auto* end = static_cast<const char*>(std::memchr(begin, '\n', left()));
  if (end == nullptr) fail_damaged("a line without an end");
  next_ += static_cast<std::size_t>(end - begin) + 1;
  return {begin, static_cast<std::size_t>(end - begin)};
}

std::uint64_t Machine::take_unsigned(int bytes) {
  const std::string_view raw = take(static_cast<std::uint64_t>(bytes));
  std::uint64_t value = 0;
  for (int i = bytes; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(raw[static_cast<std::size_t>(i)]);
  return value;
}

std::string_view Machine::take_counted(int length_bytes) {
  return take(take_unsigned(length_bytes));
}

void Machine::begin_frame() {
  if (frame_end_ != 0) fail_damaged("a frame inside a frame");
  const std::uint64_t size = take_unsigned(8);
  if (size > left())
    fail_damaged("a frame of " + std::to_string(size) + " bytes where only " + std::to_string(left()) +
                 " are left");
  frame_end_ = size == 0 ? 0 : next_ + static_cast<std::size_t>(size);
}

void Machine::check_frame() {
  if (frame_end_ == 0 || next_ < frame_end_) return;
  if (next_ > frame_end_) fail_damaged("an opcode reaches beyond the end of its frame");
  frame_end_ = 0;
}

// ---- values

NodeId Machine::add(Node node) {
  if (!document_.has_room(1, 0)) fail("more values than any checkpoint has (the limit is 8 MiB of them)");
  node.offset = at_;
  return document_.add(node);
}

void Machine::push(NodeId id) {
  if (stack_.size() >= kMaxStack) fail("more than " + std::to_string(kMaxStack) + " values on the stack");
  stack_.push_back(id);
}

NodeId Machine::pop() {
  const NodeId id = top();
  stack_.pop_back();
  return id;
}

NodeId Machine::top() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()))
    fail_damaged("opcode " + std::string(opcode_name(static_cast<unsigned char>(source_.bytes[at_]))) +
                 " finds the stack empty");
  return stack_.back();
}

std::size_t Machine::pop_mark() {
  if (marks_.empty())
    fail_damaged("opcode " + std::string(opcode_name(static_cast<unsigned char>(source_.bytes[at_]))) +
                 " finds no mark on the stack");
  const std::size_t height = marks_.back();
  marks_.pop_back();
  return height;
}

void Machine::append(NodeId parent, NodeId child) {
  if (!document_.has_room(0, 1)) fail("more values than any checkpoint has (the limit is 8 MiB of them)");
  document_.append(parent, child);
  if (document_[parent].depth > kMaxDepth)
    fail("containers nested more than " + std::to_string(kMaxDepth) + " deep");
}

void Machine::push_tuple(std::size_t from) {
  Node node;
  node.kind = Kind::tuple;
  const NodeId id = add(node);
  for (std::size_t i = from; i < stack_.size(); ++i) append(id, stack_[i]);
  stack_.resize(from);
  push(id);
}

void Machine::set_items(std::size_t from) {
  if ((stack_.size() - from) % 2 != 0) fail_damaged("a key without a value");
  if (from == 0 || document_[stack_[from - 1]].kind != Kind::dict)
    fail_damaged("sets items of something that is not a dict");
  const NodeId dict = stack_[from - 1];
  for (std::size_t i = from; i < stack_.size(); ++i) append(dict, stack_[i]);
  stack_.resize(from);
}

void Machine::append_items(std::size_t from) {
  if (from == 0 || document_[stack_[from - 1]].kind != Kind::list)
    fail_damaged("appends to something that is not a list");
  const NodeId list = stack_[from - 1];
  for (std::size_t i = from; i < stack_.size(); ++i) append(list, stack_[i]);
  stack_.resize(from);
}

bool Machine::run_container(unsigned char op) {
  Node node;
  switch (op) {
    case '(':
      if (marks_.size() >= kMaxMarks) fail("more than " + std::to_string(kMaxMarks) + " open marks");
      marks_.push_back(static_cast<std::uint32_t>(stack_.size()));
      return true;
    case '0':  // POP: a mark counts as a value
      if (!marks_.empty() && marks_.back() == stack_.size())
        marks_.pop_back();
      else
        pop();
      return true;
    case '1': stack_.resize(pop_mark()); return true;  // POP_MARK
    case ')': push_tuple(stack_.size()); return true;
    case 't': push_tuple(pop_mark()); return true;
    case 0x85:
    case 0x86:
    case 0x87: {
      const std::size_t count = op - 0x84u;
      if (stack_.size() - (marks_.empty() ? 0 : marks_.back()) < count)
        fail_damaged("opcode " + std::string(opcode_name(op)) + " finds too few values on the stack");
      push_tuple(stack_.size() - count);
      return true;
    }
    case ']':
    case 'l': {
      node.kind = Kind::list;
      const std::size_t from = op == 'l' ? pop_mark() : stack_.size();
      stack_.insert(stack_.begin() + static_cast<std::ptrdiff_t>(from), add(node));
      append_items(from + 1);
      return true;
    }
    case '}':
    case 'd': {
      node.kind = Kind::dict;
      const std::size_t from = op == 'd' ? pop_mark() : stack_.size();
      stack_.insert(stack_.begin() + static_cast<std::ptrdiff_t>(from), add(node));
      set_items(from + 1);
      return true;
    }
    case 'a':
      top();
      append_items(stack_.size() - 1);
      return true;
    case 'e': append_items(pop_mark()); return true;
    case 's':
      if (stack_.size() - (marks_.empty() ? 0 : marks_.back()) < 2)
        fail_damaged("opcode SETITEM finds too few values on the stack");
      set_items(stack_.size() - 2);
      return true;
    case 'u': set_items(pop_mark()); return true;
    default: return false;
  }
}

// ---- the memo

void Machine::memoize(std::uint64_t index) {
  // Picklers number their memo without gaps (some from 1), so a larger index is not theirs.
  if (index > memo_.size() + 1 || index >= kMaxMemo)
    fail("memo index " + std::to_string(index) + " where " + std::to_string(memo_.size()) + " are in use");
  if (index >= memo_.size()) memo_.resize(static_cast<std::size_t>(index) + 1, kNoNode);
  memo_[static_cast<std::size_t>(index)] = top();
}

void Machine::recall(std::uint64_t index) {
  if (index >= memo_.size() || memo_[static_cast<std::size_t>(index)] == kNoNode)
    fail_damaged("memo entry " + std::to_string(index) + " does not exist");
  push(memo_[static_cast<std::size_t>(index)]);
}

std::uint64_t Machine::decimal_index(std::string_view line) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc() || end != line.data() + line.size())
    fail_damaged("memo index '" + clean_text(line, kMaxShownText) + "' is not a number");
  return value;
}

bool Machine::run_memo(unsigned char op) {
  switch (op) {
    case 'p': memoize(decimal_index(take_line())); return true;
    case 'q': memoize(take_unsigned(1)); return true;
    case 'r': memoize(take_unsigned(4)); return true;
    case 0x94: memoize(memo_.size()); return true;
    case 'g': recall(decimal_index(take_line())); return true;
    case 'h': recall(take_unsigned(1)); return true;
    case 'j': recall(take_unsigned(4)); return true;
    default: return false;
  }
}

// ---- globals and what looks like a call

void Machine::push_global(std::string_view module, std::string_view name) {
  const KnownGlobal* known = find_global(module, name);
  if (known == nullptr)
    fail("global '" + clean_text(module, kMaxShownText) + "." + clean_text(name, kMaxShownText) +
         "' is not allowed (opcode " +
         std::string(opcode_name(static_cast<unsigned char>(source_.bytes[at_]))) +
         "); save only the tensors: torch.save(model.state_dict(), FILE)");
  Node node;
  node.kind = Kind::global;
  node.global = known->global;
  node.dtype = known->dtype;
  push_new(node);
}

bool Machine::run_object(unsigned char op) {
  switch (op) {
    case 'c': {
      const std::string_view module = take_line();
      push_global(module, take_line());
      return true;
    }
    case 0x93: {
      const NodeId name = pop(), module = pop();
      if (!document_.is_text(name) || !document_.is_text(module))
        fail_damaged("opcode STACK_GLOBAL finds no names on the stack");
      push_global(document_.text(module), document_.text(name));
      return true;
    }
    case 'R': {
      const NodeId arguments = pop(), callable = pop();
      if (!document_.has_room(2, 0)) fail("more values than any checkpoint has (the limit is 8 MiB of them)");
      push(reduce(document_, source_, at_, callable, arguments));
      return true;
    }
    case 'b': {
      const NodeId state = pop();
      build(document_, source_, at_, top(), state);
      return true;
    }
    case 'P':
    case 'Q': {
      if (persistent_ids_ == PersistentIds::refuse)
        fail("opcode " + std::string(opcode_name(op)) +
             " is refused: this pickle stands alone, so nothing can be meant by a persistent id");
      if (op == 'P') push_text(Kind::text, take_line());
      const NodeId id = pop();
      Node node;
      node.kind = Kind::persistent;
      const NodeId made = add(node);
      append(made, id);
      push(made);
      return true;
    }
    case 0x80: {
      if (at_ != start_) fail_damaged("opcode PROTO in the middle of a pickle");
      const std::uint64_t protocol = take_unsigned(1);
      if (protocol > 5)
        fail("pickle protocol " + std::to_string(protocol) + " is unknown; protocols 0 to 5 are read");
      return true;
    }
    case 0x95: begin_frame(); return true;
    default: return false;
  }
}

}  // namespace detail

Parsed parse(Document& document, const Source& source, std::size_t start, PersistentIds persistent_ids) {
  return detail::Machine(document, source, start, persistent_ids).run();
}

}  // namespace cuhue::pickle
