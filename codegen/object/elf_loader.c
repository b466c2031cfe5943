/* A relocator for the subset of ELF that LLVM emits for position-independent x86-64 code without unwinding. */
#include "codegen/object/elf_loader.h"
#include <elf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Symbol {
  const char *name; /* copied into Code.names */
  void *address;
} Symbol;

struct Code {
  uint8_t *base;
  size_t size;
  Symbol *symbol; /* sorted by name */
  uint32_t n_symbols;
  char *names;
};

/* One object under load: views into its bytes, checked once by `open_object`. */
typedef struct Object {
  const uint8_t *bytes;
  size_t size;
  const Elf64_Ehdr *head;
  const Elf64_Shdr *section;
  const Elf64_Sym *sym;
  uint32_t n_sections, n_syms, first_global;
  const char *strings;
  size_t n_strings;
  uint64_t *place; /* section -> offset in the mapping, NOWHERE when not loaded */
  uint64_t *got;   /* symbol -> offset of its GOT slot, NOWHERE when it needs none */
} Object;

typedef struct Linker {
  Object *object;
  uint32_t n;
  uint8_t *base;
  uint64_t size, code_end, constants_end; /* bytes in all; where the executable and the read-only part end */
  Code *code;
  const char *error;
} Linker;

#define NOWHERE UINT64_MAX

static bool fail(Linker *l, const char *text) {
  if (!l->error) l->error = text;
  return false;
}

static bool within(const Object *o, uint64_t at, uint64_t n) { return at <= o->size && n <= o->size - at; }

static uint64_t align_up(uint64_t v, uint64_t to) { return (v + to - 1) & ~(to - 1); }

/* Name of a symbol, NULL when the string table does not hold it. */
static const char *symbol_name(const Object *o, const Elf64_Sym *s) {
  if (s->st_name >= o->n_strings || !memchr(o->strings + s->st_name, 0, o->n_strings - s->st_name)) return NULL;
  return o->strings + s->st_name;
}

static bool open_symbols(Linker *l, Object *o, const Elf64_Shdr *s) {
  if (s->sh_entsize != sizeof(Elf64_Sym) || s->sh_link >= o->n_sections || s->sh_offset % 8)
    return fail(l, "object has a malformed symbol table");
  const Elf64_Shdr *str = &o->section[s->sh_link];
  if (str->sh_type != SHT_STRTAB) return fail(l, "object has no string table");
  o->sym = (const Elf64_Sym *)(o->bytes + s->sh_offset);
  o->n_syms = (uint32_t)(s->sh_size / sizeof(Elf64_Sym));
  o->first_global = s->sh_info < o->n_syms ? s->sh_info : o->n_syms;
  o->strings = (const char *)o->bytes + str->sh_offset;
  o->n_strings = str->sh_size;
  return true;
}

/* Checks header and section table; afterwards every section with bytes lies inside the file. */
static bool open_object(Linker *l, Object *o) {
  const Elf64_Ehdr *h = (const Elf64_Ehdr *)o->bytes;
  if (o->size < sizeof *h || (uintptr_t)o->bytes % 8 || memcmp(h->e_ident, ELFMAG, SELFMAG) ||
      h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64 ||
      h->e_type != ET_REL)
    return fail(l, "not an x86-64 ELF object");
  if (h->e_shentsize != sizeof(Elf64_Shdr) || h->e_shoff % 8 ||
      !within(o, h->e_shoff, (uint64_t)h->e_shnum * sizeof(Elf64_Shdr)))
    return fail(l, "object has a malformed section table");
  o->head = h;
  o->section = (const Elf64_Shdr *)(o->bytes + h->e_shoff);
  o->n_sections = h->e_shnum;
  for (uint32_t i = 0; i < o->n_sections; i++) {
    const Elf64_Shdr *s = &o->section[i];
    if (s->sh_type != SHT_NOBITS && !within(o, s->sh_offset, s->sh_size)) return fail(l, "object is truncated");
    if (s->sh_size > (1u << 30) || (s->sh_addralign & (s->sh_addralign - 1)) || s->sh_addralign > 4096)
      return fail(l, "object has an absurd section");
  }
  for (uint32_t i = 0; i < o->n_sections; i++)
    if (o->section[i].sh_type == SHT_SYMTAB && !open_symbols(l, o, &o->section[i])) return false;
  if (!o->sym) return fail(l, "object has no symbols");
  return true;
}

/* Unwind tables are of no use to code that never throws. */
static bool loaded_section(const Elf64_Shdr *s) {
  return (s->sh_flags & SHF_ALLOC) && (s->sh_type == SHT_PROGBITS || s->sh_type == SHT_NOBITS);
}

/* Gives every loaded section with these flags (of SHF_EXECINSTR and SHF_WRITE) its offset in the mapping. */
static void place_sections(Linker *l, uint64_t flags) {
  for (uint32_t k = 0; k < l->n; k++) {
    Object *o = &l->object[k];
    for (uint32_t i = 0; i < o->n_sections; i++) {
      const Elf64_Shdr *s = &o->section[i];
      if (!loaded_section(s) || (s->sh_flags & (SHF_EXECINSTR | SHF_WRITE)) != flags) continue;
      l->size = align_up(l->size, s->sh_addralign > 1 ? s->sh_addralign : 1);
      o->place[i] = l->size;
      l->size += s->sh_size;
    }
  }
}

static bool needs_got(uint32_t type) {
  return type == R_X86_64_GOTPCREL || type == R_X86_64_GOTPCRELX || type == R_X86_64_REX_GOTPCRELX;
}

typedef bool (*RelocVisit)(Linker *l, Object *o, const Elf64_Shdr *target, uint64_t place, const Elf64_Rela *r);

/* Calls `visit` for each relocation of a loaded section, its symbol number checked. */
static bool each_relocation(Linker *l, RelocVisit visit) {
  for (uint32_t k = 0; k < l->n; k++) {
    Object *o = &l->object[k];
    for (uint32_t i = 0; i < o->n_sections; i++) {
      const Elf64_Shdr *s = &o->section[i];
      if (s->sh_type != SHT_RELA || s->sh_info >= o->n_sections || o->place[s->sh_info] == NOWHERE) continue;
      if (s->sh_entsize != sizeof(Elf64_Rela) || s->sh_offset % 8) return fail(l, "object has malformed relocations");
      const Elf64_Rela *r = (const Elf64_Rela *)(o->bytes + s->sh_offset);
      for (uint64_t j = 0; j < s->sh_size / sizeof *r; j++) {
        if (ELF64_R_SYM(r[j].r_info) >= o->n_syms) return fail(l, "relocation of an unknown symbol");
        if (!visit(l, o, &o->section[s->sh_info], o->place[s->sh_info], &r[j])) return false;
      }
    }
  }
  return true;
}

static bool reserve_got(Linker *l, Object *o, const Elf64_Shdr *target, uint64_t place, const Elf64_Rela *r) {
  (void)target, (void)place;
  uint64_t *slot = &o->got[ELF64_R_SYM(r->r_info)];
  if (needs_got(ELF64_R_TYPE(r->r_info)) && *slot == NOWHERE) {
    *slot = l->size = align_up(l->size, 8);
    l->size += 8;
  }
  return true;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const Symbol *)a)->name, ((const Symbol *)b)->name);
}

static bool defined_global(const Object *o, const Elf64_Sym *s) {
  return ELF64_ST_BIND(s->st_info) != STB_LOCAL && s->st_shndx > SHN_UNDEF && s->st_shndx < o->n_sections &&
         o->place[s->st_shndx] != NOWHERE;
}

/* Gathers the global definitions of all objects, sorted; two of one name are an error. */
static bool collect_symbols(Linker *l) {
  size_t count = 0, bytes = 0;
  for (int pass = 0; pass < 2; pass++) {
    size_t used = 0;
    for (uint32_t k = 0; k < l->n; k++) {
      Object *o = &l->object[k];
      for (uint32_t i = o->first_global; i < o->n_syms; i++) {
        const char *name = symbol_name(o, &o->sym[i]);
        if (!name || !defined_global(o, &o->sym[i])) continue;
        if (!pass) {
          count++;
          bytes += strlen(name) + 1;
          continue;
        }
        const uint64_t at = o->place[o->sym[i].st_shndx];
        if (o->sym[i].st_value > o->section[o->sym[i].st_shndx].sh_size) return fail(l, "symbol outside its section");
        l->code->symbol[l->code->n_symbols++] =
            (Symbol){strcpy(l->code->names + used, name), l->base + at + o->sym[i].st_value};
        used += strlen(name) + 1;
      }
    }
    if (!pass) {
      l->code->symbol = calloc(count + 1, sizeof(Symbol));
      l->code->names = malloc(bytes + 1);
      if (!l->code->symbol || !l->code->names) return fail(l, "out of memory");
    }
  }
  qsort(l->code->symbol, count, sizeof(Symbol), by_name);
  for (size_t i = 1; i < count; i++)
    if (!strcmp(l->code->symbol[i - 1].name, l->code->symbol[i].name)) return fail(l, "symbol defined twice");
  return true;
}

/* Address a symbol stands for: its own section, or the definition in another object. */
static bool resolve(Linker *l, const Object *o, uint32_t index, uint64_t *address) {
  const Elf64_Sym *s = &o->sym[index];
  if (s->st_shndx == SHN_UNDEF) {
    const char *name = symbol_name(o, s);
    void *at = name ? code_symbol(l->code, name) : NULL;
    if (!at) return fail(l, "undefined symbol in a compiled object");
    *address = (uint64_t)(uintptr_t)at;
    return true;
  }
  if (s->st_shndx >= o->n_sections || o->place[s->st_shndx] == NOWHERE) return fail(l, "symbol in no loaded section");
  *address = (uint64_t)(uintptr_t)(l->base + o->place[s->st_shndx]) + s->st_value;
  return true;
}

static bool fits32(int64_t v) { return v >= INT32_MIN && v <= INT32_MAX; }

static bool apply(Linker *l, Object *o, const Elf64_Shdr *target, uint64_t place, const Elf64_Rela *r) {
  const uint32_t type = ELF64_R_TYPE(r->r_info), index = ELF64_R_SYM(r->r_info);
  const uint64_t width = type == R_X86_64_64 ? 8 : 4;
  if (type == R_X86_64_NONE) return true;
  if (target->sh_type == SHT_NOBITS || r->r_offset > target->sh_size || width > target->sh_size - r->r_offset)
    return fail(l, "relocation outside its section");
  uint8_t *at = l->base + place + r->r_offset;
  uint64_t symbol;
  if (!resolve(l, o, index, &symbol)) return false;
  if (needs_got(type)) {
    memcpy(l->base + o->got[index], &symbol, 8);
    symbol = (uint64_t)(uintptr_t)(l->base + o->got[index]);
  }
  const int64_t absolute = (int64_t)(symbol + (uint64_t)r->r_addend);
  const int64_t relative = (int64_t)((uint64_t)absolute - (uint64_t)(uintptr_t)at);
  if (type == R_X86_64_64) {
    memcpy(at, &absolute, 8);
    return true;
  }
  if (type != R_X86_64_PC32 && type != R_X86_64_PLT32 && !needs_got(type)) return fail(l, "unknown relocation type");
  if (!fits32(relative)) return fail(l, "relocation out of range");
  const int32_t small = (int32_t)relative;
  memcpy(at, &small, 4);
  return true;
}

/* Code, then constants and the GOT, then variables, each on pages of its own. */
static bool lay_out(Linker *l) {
  const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
  place_sections(l, SHF_EXECINSTR);
  l->size = l->code_end = align_up(l->size, page);
  place_sections(l, 0);
  if (!each_relocation(l, reserve_got)) return false;
  l->size = l->constants_end = align_up(l->size, page);
  place_sections(l, SHF_WRITE);
  l->size = align_up(l->size + 1, page);
  if (l->size > (1u << 30)) return fail(l, "objects too large");
  l->base = mmap(NULL, l->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (l->base == MAP_FAILED) return l->base = NULL, fail(l, "no memory for machine code");
  l->code->base = l->base;
  l->code->size = l->size;
  return true;
}

static void copy_sections(Linker *l) {
  for (uint32_t k = 0; k < l->n; k++) {
    const Object *o = &l->object[k];
    for (uint32_t i = 0; i < o->n_sections; i++)
      if (o->place[i] != NOWHERE && o->section[i].sh_type == SHT_PROGBITS && o->section[i].sh_size)
        memcpy(l->base + o->place[i], o->bytes + o->section[i].sh_offset, o->section[i].sh_size);
  }
}

static bool open_all(Linker *l, const CodeObject *object) {
  for (uint32_t k = 0; k < l->n; k++) {
    Object *o = &l->object[k];
    *o = (Object){.bytes = object[k].bytes, .size = object[k].size};
    if (!open_object(l, o)) return false;
    o->place = malloc(sizeof *o->place * (o->n_sections + 1));
    o->got = malloc(sizeof *o->got * (o->n_syms + 1));
    if (!o->place || !o->got) return fail(l, "out of memory");
    memset(o->place, 0xff, sizeof *o->place * (o->n_sections + 1));
    memset(o->got, 0xff, sizeof *o->got * (o->n_syms + 1));
  }
  return true;
}

static bool link_all(Linker *l, const CodeObject *object) {
  if (!open_all(l, object) || !lay_out(l)) return false;
  copy_sections(l);
  if (!collect_symbols(l) || !each_relocation(l, apply)) return false;
  if (l->code_end && mprotect(l->base, l->code_end, PROT_READ | PROT_EXEC)) return fail(l, "no executable memory");
  if (l->constants_end > l->code_end && mprotect(l->base + l->code_end, l->constants_end - l->code_end, PROT_READ))
    return fail(l, "no read-only memory");
  return true;
}

Code *code_load(const CodeObject *object, uint32_t n, const char **error) {
  Linker l = {.n = n, .object = calloc(n + 1, sizeof(Object)), .code = calloc(1, sizeof(Code))};
  const bool ok = l.object && l.code && link_all(&l, object);
  if (!ok && error) *error = l.error ? l.error : "out of memory";
  for (uint32_t k = 0; l.object && k < n; k++) {
    free(l.object[k].place);
    free(l.object[k].got);
  }
  free(l.object);
  if (ok) return l.code;
  code_free(l.code);
  return NULL;
}

void *code_symbol(const Code *c, const char *name) {
  const Symbol key = {name, NULL}, *s = bsearch(&key, c->symbol, c->n_symbols, sizeof *s, by_name);
  return s ? s->address : NULL;
}

void code_free(Code *c) {
  if (!c) return;
  if (c->base) munmap(c->base, c->size);
  free(c->symbol);
  free(c->names);
  free(c);
}
