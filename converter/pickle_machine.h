// The stack machine behind pickle::parse(). One object runs one pickle.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/pickle.h"

namespace cuhue::pickle::detail {

class Machine {
 public:
  Machine(Document& document, const Source& source, std::size_t start, PersistentIds persistent_ids)
      : document_(document),
        source_(source),
        at_(start),
        next_(start),
        start_(start),
        persistent_ids_(persistent_ids) {}

  Parsed run();

 private:
  // Each runs the opcode when it is one of its group.
  bool run_scalar(unsigned char op);
  bool run_text(unsigned char op);
  bool run_container(unsigned char op);
  bool run_memo(unsigned char op);
  bool run_object(unsigned char op);
  [[noreturn]] void refuse(unsigned char op);

  // Reading: every length is checked against what is left.
  std::size_t left() const { return source_.bytes.size() - next_; }
  std::string_view take(std::uint64_t size);
  std::string_view take_line();
  std::uint64_t take_unsigned(int bytes);
  std::string_view take_counted(int length_bytes);
  void begin_frame();
  void check_frame();

  // Values.
  NodeId add(Node node);
  void push(NodeId id);
  void push_new(const Node& node) { push(add(node)); }
  void push_text(Kind kind, std::string_view text);
  void push_integer(std::int64_t value);
  void push_boolean(bool value);
  void push_long(std::string_view little_endian);
  void push_decimal(std::string_view line, bool is_long);
  void push_real(double value);
  void push_escaped(std::string_view line, bool python2);
  NodeId pop();
  NodeId top();
  std::size_t pop_mark();  // height of the stack at the latest mark
  void append(NodeId parent, NodeId child);
  void push_tuple(std::size_t from);
  void set_items(std::size_t from);
  void append_items(std::size_t from);
  void memoize(std::uint64_t index);
  void recall(std::uint64_t index);
  void push_global(std::string_view module, std::string_view name);
  std::uint64_t decimal_index(std::string_view line);

  [[noreturn]] void fail(const std::string& what) const { fail_at(source_, at_, what); }
  [[noreturn]] void fail_damaged(const std::string& what) const;

  Document& document_;
  const Source& source_;
  std::size_t at_;    // the opcode being run
  std::size_t next_;  // the next byte to read
  std::size_t start_;
  std::size_t frame_end_ = 0;  // 0 = outside of frames
  PersistentIds persistent_ids_;
  std::vector<NodeId> stack_, memo_;
  std::vector<std::uint32_t> marks_;
};

}  // namespace cuhue::pickle::detail
