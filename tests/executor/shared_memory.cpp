#include "tests/executor/shared_memory.h"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace simt {
namespace {

struct Variable {
  std::size_t offset, bytes;  // in a thread's block of the program's thread-local variables
};
struct Symbols {
  std::vector<Variable> small;
  std::map<std::uintptr_t, std::vector<Variable>> of_kernel;  // by the function's address in the file
  std::size_t count = 0;
};

// This module's place in memory: the program's, which comes first.
struct Module {
  std::uintptr_t base = 0;
  unsigned char* thread_locals = nullptr;  // the calling thread's
};

thread_local Module found;

const Module& program() {
  if (found.thread_locals != nullptr) return found;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* to) {
        auto& m = *static_cast<Module*>(to);
        m.base = info->dlpi_addr;
        m.thread_locals = static_cast<unsigned char*>(info->dlpi_tls_data);
        return 1;
      },
      &found);
  return found;
}

template <class T>
std::vector<T> table(const std::string& file, std::uint64_t offset, std::uint64_t bytes) {
  std::vector<T> entries(bytes / sizeof(T));
  if (offset <= file.size() && bytes <= file.size() - offset)
    std::memcpy(entries.data(), file.data() + offset, entries.size() * sizeof(T));
  return entries;
}

// "_ZZ<function>E<variable>" is a local variable of the function "_Z<function>".
void sort_in(Symbols& s, const std::vector<ElfW(Sym)>& symbols, const std::string& names) {
  constexpr std::size_t kSmall = 1024;
  const auto name = [&](const ElfW(Sym) & symbol) { return std::string_view(names.data() + symbol.st_name); };
  std::set<std::string, std::less<>> guarded;  // have constructors: not shared memory
  for (const auto& symbol : symbols)
    if (name(symbol).starts_with("_ZGVZ")) guarded.insert("_Z" + std::string(name(symbol).substr(4)));
  struct Local {
    std::string_view name;
    Variable variable;
  };
  std::vector<Local> locals;
  for (const auto& symbol : symbols) {
    if (ELF64_ST_TYPE(symbol.st_info) != STT_TLS || symbol.st_shndx == SHN_UNDEF) continue;
    if (!name(symbol).starts_with("_ZZ") || guarded.contains(name(symbol))) continue;
    const Variable variable{symbol.st_value, symbol.st_size};
    locals.push_back({name(symbol).substr(3), variable});
    if (variable.bytes <= kSmall) s.small.push_back(variable);
  }
  s.count = locals.size();
  std::sort(locals.begin(), locals.end(), [](const Local& a, const Local& b) { return a.name < b.name; });
  for (const auto& symbol : symbols) {
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || !name(symbol).starts_with("_Z")) continue;
    const std::string prefix = std::string(name(symbol).substr(2)) + "E";
    auto local = std::lower_bound(locals.begin(), locals.end(), prefix,
                                  [](const Local& l, const std::string& p) { return l.name < p; });
    for (; local != locals.end() && local->name.starts_with(prefix); ++local)
      s.of_kernel[symbol.st_value].push_back(local->variable);
  }
}

Symbols read_symbols() {
  static_assert(sizeof(void*) == 8);
  Symbols s;
  std::ifstream in("/proc/self/exe", std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(in), {}};
  if (file.size() < sizeof(ElfW(Ehdr))) return s;
  ElfW(Ehdr) header;
  std::memcpy(&header, file.data(), sizeof header);
  const auto sections =
      table<ElfW(Shdr)>(file, header.e_shoff, std::uint64_t{header.e_shnum} * sizeof(ElfW(Shdr)));
  for (const auto& section : sections) {
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= sections.size()) continue;
    const auto& strings = sections[section.sh_link];
    sort_in(s, table<ElfW(Sym)>(file, section.sh_offset, section.sh_size),
            file.substr(strings.sh_offset, strings.sh_size));
  }
  return s;
}

const Symbols& symbols() {
  static const Symbols all = read_symbols();
  return all;
}

}  // namespace

std::size_t static_shared_variables() {
  return symbols().count;
}

void poison_static_shared(const void* kernel, unsigned char byte) {
  if (static_shared_variables() == 0) return;
  const Module& module = program();
  if (module.thread_locals == nullptr) return;
  const auto fill = [&](const std::vector<Variable>& variables) {
    for (const Variable& v : variables) std::memset(module.thread_locals + v.offset, byte, v.bytes);
  };
  fill(symbols().small);
  const auto own = symbols().of_kernel.find(reinterpret_cast<std::uintptr_t>(kernel) - module.base);
  if (own != symbols().of_kernel.end()) fill(own->second);
}

}  // namespace simt
