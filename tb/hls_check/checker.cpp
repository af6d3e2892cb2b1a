#include "tb/hls_check/checker.h"

#include <clang-c/Index.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "accel/isa/errors.h"
#include "tb/hls_check/pragma.h"

namespace heatvit::tb {
namespace {

std::string text_of(CXString s) {
  const char* c = clang_getCString(s);
  std::string text = c != nullptr ? c : "";
  clang_disposeString(s);
  return text;
}

struct Place {
  std::string file;
  int line = 0;
  size_t offset = 0;
};

Place place_of(CXSourceLocation location) {
  CXFile file = nullptr;
  unsigned line = 0, offset = 0;
  clang_getExpansionLocation(location, &file, &line, nullptr, &offset);
  return {file != nullptr ? text_of(clang_getFileName(file)) : "", static_cast<int>(line), offset};
}

/// A function or a loop, and what was found in it.
struct Scope {
  enum Kind { kFunction, kLoop } kind = kFunction;
  std::string file, name;
  int line = 0;
  size_t begin = 0, end = 0;
  bool top = false;          // extern "C": arguments are ports
  bool endless = false;      // loop: no condition, or one that is always true
  bool by_register = false;  // loop: the bound is no constant
  bool conditional = false;  // loop: while or do, of which nothing is known
  std::vector<Pragma> pragmas;
  std::set<std::string> arguments;  // function

  bool holds(const std::string& where, size_t offset) const { return where == file && offset > begin && offset < end; }
  bool has(const std::string& pragma) const {
    return std::any_of(pragmas.begin(), pragmas.end(), [&](const Pragma& p) { return p.name == pragma; });
  }
};

/// A variable, visible from its declaration to the end of its block.
struct Variable {
  std::string file, name;
  size_t begin = 0, end = 0;
};

bool in_namespace_std(CXCursor c) {
  for (; clang_getCursorKind(c) != CXCursor_TranslationUnit && !clang_Cursor_isNull(c);
       c = clang_getCursorSemanticParent(c))
    if (clang_getCursorKind(c) == CXCursor_Namespace && text_of(clang_getCursorSpelling(c)) == "std") return true;
  return false;
}

template <class Body>
void visit_children(CXCursor cursor, Body body) {
  clang_visitChildren(
      cursor,
      [](CXCursor child, CXCursor, CXClientData data) {
        (*static_cast<Body*>(data))(child);
        return CXChildVisit_Continue;
      },
      &body);
}

std::vector<CXCursor> children_of(CXCursor cursor) {
  std::vector<CXCursor> children;
  visit_children(cursor, [&](CXCursor c) { children.push_back(c); });
  return children;
}

bool is_loop(CXCursorKind kind) {
  return kind == CXCursor_ForStmt || kind == CXCursor_WhileStmt || kind == CXCursor_DoStmt ||
         kind == CXCursor_CXXForRangeStmt;
}

bool is_function(CXCursorKind kind) {
  return kind == CXCursor_FunctionDecl || kind == CXCursor_CXXMethod || kind == CXCursor_FunctionTemplate ||
         kind == CXCursor_Constructor || kind == CXCursor_Destructor || kind == CXCursor_ConversionFunction;
}

class Check {
 public:
  explicit Check(CXTranslationUnit unit) : unit_(unit) {}

  std::vector<Finding> run() {
    walk(clang_getTranslationUnitCursor(unit_), -1, {});
    includes();
    for (const std::string& file : files_) attach(file);
    for (const Scope& scope : scopes_) scope.kind == Scope::kLoop ? check_loop(scope) : check_function(scope);
    recursion();
    std::sort(findings_.begin(), findings_.end(), [](const Finding& a, const Finding& b) {
      return std::tie(a.file, a.line, a.message) < std::tie(b.file, b.line, b.message);
    });
    findings_.erase(std::unique(findings_.begin(), findings_.end(),
                                [](const Finding& a, const Finding& b) {
                                  return a.file == b.file && a.line == b.line && a.message == b.message;
                                }),
                    findings_.end());
    return findings_;
  }

 private:
  struct Block {
    size_t end = 0;
    std::string function;  // unified symbol of the function around
    bool labelled = false;
    bool at_compile_time = false;  // in a constexpr function, where a label may not stand
  };

  void report(const Place& at, const std::string& message) { findings_.push_back({at.file, at.line, message}); }

  void walk(CXCursor cursor, int depth, const Block& around) {
    const CXSourceLocation location = clang_getCursorLocation(cursor);
    if (depth >= 0 && clang_Location_isInSystemHeader(location) != 0) return;
    const CXCursorKind kind = clang_getCursorKind(cursor);
    const Place at = place_of(location);
    if (!at.file.empty()) files_.insert(at.file);
    Block inside = around;
    // A pragma of the compiler between label and loop is a statement around the loop, which libclang does not name.
    inside.labelled = kind == CXCursor_LabelStmt || (around.labelled && kind == CXCursor_UnexposedStmt);
    const CXSourceRange range = clang_getCursorExtent(cursor);
    const size_t end = place_of(clang_getRangeEnd(range)).offset;
    if (kind == CXCursor_CompoundStmt || is_loop(kind)) inside.end = end;
    if (is_function(kind) && clang_isCursorDefinition(cursor) != 0) {
      inside.end = end;
      inside.function = text_of(clang_getCursorUSR(cursor));
      inside.at_compile_time = first_words(range).count("constexpr") != 0;
      add_function(cursor, range, depth);
    }
    if (is_loop(kind)) add_loop(cursor, range, around.labelled || around.at_compile_time);
    if (kind == CXCursor_VarDecl || kind == CXCursor_ParmDecl || kind == CXCursor_NonTypeTemplateParameter)
      add_variable(cursor, at, inside.end);
    judge(cursor, kind, at, inside);
    visit_children(cursor, [&](CXCursor child) { walk(child, depth + 1, inside); });
  }

  void add_function(CXCursor cursor, CXSourceRange range, int) {
    Scope scope;
    const Place begin = place_of(clang_getRangeStart(range));
    scope.file = begin.file;
    scope.line = begin.line;
    scope.begin = begin.offset;
    scope.end = place_of(clang_getRangeEnd(range)).offset;
    scope.name = text_of(clang_getCursorSpelling(cursor));
    const CXCursor parent = clang_getCursorLexicalParent(cursor);
    scope.top =
        clang_getCursorKind(parent) == CXCursor_LinkageSpec || text_of(clang_Cursor_getMangling(cursor)) == scope.name;
    visit_children(cursor, [&](CXCursor c) {
      if (clang_getCursorKind(c) == CXCursor_ParmDecl) scope.arguments.insert(text_of(clang_getCursorSpelling(c)));
    });
    scopes_.push_back(scope);
    if (clang_CXXMethod_isVirtual(cursor) != 0) report(begin, "virtual function " + scope.name);
  }

  void add_loop(CXCursor cursor, CXSourceRange range, bool labelled) {
    Scope scope;
    const Place begin = place_of(clang_getRangeStart(range));
    scope.kind = Scope::kLoop;
    scope.file = begin.file;
    scope.line = begin.line;
    scope.begin = begin.offset;
    scope.end = place_of(clang_getRangeEnd(range)).offset;
    scope.conditional = clang_getCursorKind(cursor) != CXCursor_ForStmt;
    scope.endless = !scope.conditional && !has_condition(cursor);
    if (!scope.conditional && !scope.endless) scope.by_register = bound_is_variable(cursor);
    scopes_.push_back(scope);
    if (!labelled) report(begin, "loop without a label");
  }

  /// The words of a declaration before its first parenthesis.
  std::set<std::string> first_words(CXSourceRange range) {
    CXToken* tokens = nullptr;
    unsigned count = 0;
    clang_tokenize(unit_, range, &tokens, &count);
    std::set<std::string> words;
    for (unsigned i = 0; i < count; ++i) {
      const std::string token = text_of(clang_getTokenSpelling(unit_, tokens[i]));
      if (token == "(") break;
      words.insert(token);
    }
    clang_disposeTokens(unit_, tokens, count);
    return words;
  }

  /// "for (a; b; c)": b is there. libclang leaves out what is missing, so the text decides.
  bool has_condition(CXCursor loop) {
    CXToken* tokens = nullptr;
    unsigned count = 0;
    clang_tokenize(unit_, clang_getCursorExtent(loop), &tokens, &count);
    bool first = false, something = false;
    for (unsigned i = 0; i < count; ++i) {
      const std::string token = text_of(clang_getTokenSpelling(unit_, tokens[i]));
      if (token == ";" && first) break;
      if (first && token != "true" && token != "1") something = true;
      if (token == ";") first = true;
    }
    clang_disposeTokens(unit_, tokens, count);
    return something;
  }

  /// The comparison names a variable that is neither a constant nor what the loop itself counts.
  static bool bound_is_variable(CXCursor loop) {
    std::set<std::string> counted;
    const std::vector<CXCursor> parts = children_of(loop);
    for (const CXCursor& part : parts)
      if (clang_getCursorKind(part) == CXCursor_DeclStmt)
        visit_children(part, [&](CXCursor c) { counted.insert(text_of(clang_getCursorSpelling(c))); });
    for (const CXCursor& part : parts) {
      const CXCursorKind kind = clang_getCursorKind(part);
      if (kind == CXCursor_BinaryOperator) return names_variable(part, counted);
    }
    return false;
  }

  static bool names_variable(CXCursor expression, const std::set<std::string>& counted) {
    bool found = false;
    visit_children(expression, [&](CXCursor c) {
      const CXCursorKind kind = clang_getCursorKind(c);
      if (kind == CXCursor_DeclRefExpr || kind == CXCursor_MemberRefExpr) {
        const CXCursor target = clang_getCursorReferenced(c);
        const CXCursorKind of = clang_getCursorKind(target);
        const std::string name = text_of(clang_getCursorSpelling(c));
        const bool constant = clang_getCursorKind(target) == CXCursor_NonTypeTemplateParameter ||
                              (name.size() > 1 && name[0] == 'k' && name[1] >= 'A' && name[1] <= 'Z');
        const bool variable = of == CXCursor_VarDecl || of == CXCursor_ParmDecl || of == CXCursor_FieldDecl;
        found = found || (variable && !constant && counted.count(name) == 0);
      }
      found = found || names_variable(c, counted);
    });
    return found;
  }

  void add_variable(CXCursor cursor, const Place& at, size_t end) {
    const std::string name = text_of(clang_getCursorSpelling(cursor));
    declared_.insert(name);
    variables_.push_back({at.file, name, at.offset, end});
  }

  void judge(CXCursor cursor, CXCursorKind kind, const Place& at, const Block& inside) {
    if (kind == CXCursor_CXXNewExpr) report(at, "new: there is no heap");
    if (kind == CXCursor_CXXDeleteExpr) report(at, "delete: there is no heap");
    if (kind == CXCursor_CXXThrowExpr || kind == CXCursor_CXXTryStmt) report(at, "exceptions do not synthesise");
    if (kind == CXCursor_CallExpr) call(cursor, at, inside);
    if (kind == CXCursor_TypeRef || kind == CXCursor_TemplateRef || kind == CXCursor_DeclRefExpr ||
        kind == CXCursor_NamespaceRef) {
      const CXCursor target = clang_getCursorReferenced(cursor);
      if (!clang_Cursor_isNull(target) && in_namespace_std(target))
        report(at, "standard library: std::" + text_of(clang_getCursorSpelling(target)));
    }
  }

  void call(CXCursor cursor, const Place& at, const Block& inside) {
    static const std::set<std::string> kHeap = {"malloc", "calloc", "realloc", "free"};
    const CXCursor callee = clang_getCursorReferenced(cursor);
    const std::string name = text_of(clang_getCursorSpelling(cursor));
    if (kHeap.count(name) != 0) report(at, name + ": there is no heap");
    if (clang_Cursor_isNull(callee) || inside.function.empty()) return;
    const std::string symbol = text_of(clang_getCursorUSR(callee));
    if (!symbol.empty()) calls_[inside.function].push_back({symbol, name, at});
  }

  struct Call {
    std::string symbol, name;
    Place at;
  };

  bool reaches(const std::string& from, const std::string& goal, std::set<std::string>& seen) const {
    if (from == goal) return true;
    if (!seen.insert(from).second) return false;
    const auto calls = calls_.find(from);
    return calls != calls_.end() && std::any_of(calls->second.begin(), calls->second.end(),
                                                [&](const Call& c) { return reaches(c.symbol, goal, seen); });
  }

  void recursion() {
    for (const auto& [function, calls] : calls_)
      for (const Call& c : calls) {
        std::set<std::string> seen;
        if (reaches(c.symbol, function, seen)) report(c.at, "recursion through " + c.name);
      }
  }

  /// System headers that our files include themselves. The vendor's own are allowed.
  void includes() {
    clang_getInclusions(
        unit_,
        [](CXFile file, CXSourceLocation* stack, unsigned depth, CXClientData data) {
          if (depth == 0 || clang_Location_isInSystemHeader(stack[0]) != 0) return;
          auto* self = static_cast<Check*>(data);
          const std::string name = text_of(clang_getFileName(file));
          const std::string base = name.substr(name.rfind('/') + 1);
          const CXSourceLocation start = clang_getLocationForOffset(self->unit_, file, 0);
          const bool allowed =
              base == "cstdint" || base == "ap_int.h" || base == "hls_stream.h" || base == "hls_burst_maxi.h";
          if (clang_Location_isInSystemHeader(start) != 0 && !allowed)
            self->report(place_of(stack[0]), "includes <" + base + ">: <cstdint> alone synthesises");
        },
        this);
  }

  /// Gives each pragma of a file to the innermost function or loop around it.
  void attach(const std::string& file) {
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    for (const Pragma& pragma : pragmas_of(text.str())) {
      const Place at{file, pragma.line, pragma.offset};
      for (const std::string& error : grammar_errors(pragma)) report(at, error);
      for (const std::string& name : constants_in(pragma))
        if (declared_.count(name) == 0) report(at, "pragma " + pragma.name + ": no constant " + name);
      Scope *innermost = nullptr, *function = nullptr;
      for (Scope& scope : scopes_) {
        if (!scope.holds(file, pragma.offset)) continue;
        if (innermost == nullptr || scope.begin > innermost->begin) innermost = &scope;
        if (scope.kind == Scope::kFunction) function = &scope;
      }
      if (innermost == nullptr) {
        report(at, "pragma " + pragma.name + " outside every function");
        continue;
      }
      innermost->pragmas.push_back(pragma);
      place(pragma, at, *innermost, *function);
    }
  }

  /// Where a pragma stands, and what it names.
  void place(const Pragma& p, const Place& at, const Scope& scope, const Scope& function) {
    static const std::set<std::string> kOfLoops = {"unroll", "loop_tripcount", "loop_flatten"};
    if (kOfLoops.count(p.name) != 0 && scope.kind != Scope::kLoop) report(at, "pragma " + p.name + " outside a loop");
    if (p.name == "interface" && !function.top) report(at, "pragma interface in a function that is no top");
    for (const char* option : {"variable", "port"}) {
      const std::string name = p.value(option);
      if (name.empty() || (p.name == "interface" && name == "return")) continue;
      const bool port = std::string(option) == "port";
      const bool found = port ? function.arguments.count(name) != 0 : visible(name, at);
      if (!found) report(at, "pragma " + p.name + ": no " + (port ? "argument " : "variable ") + name);
    }
  }

  bool visible(const std::string& name, const Place& at) const {
    for (const Variable& v : variables_)
      if (v.name == name && v.file == at.file && v.begin < at.offset && (v.end == 0 || at.offset < v.end)) return true;
    return false;
  }

  void check_loop(const Scope& s) {
    const Place at{s.file, s.line, s.begin};
    if (s.endless || (s.conditional && !s.has("loop_tripcount"))) report(at, "loop without bound");
    if (s.by_register && !s.has("loop_tripcount")) report(at, "loop bounded by a register needs loop_tripcount");
    exclusive(s);
  }

  void check_function(const Scope& s) {
    exclusive(s);
    std::set<std::string> masters;
    for (const Pragma& p : s.pragmas)
      if (p.name == "interface" && p.value("mode") == "m_axi") masters.insert(p.value("port"));
    for (const Pragma& p : s.pragmas) {
      const std::string name = p.value("variable");
      if (p.name == "array_partition" && masters.count(name) != 0)
        report({s.file, p.line, p.offset}, "array_partition on the m_axi argument " + name);
      if (p.name == "bind_storage" && s.top && s.arguments.count(name) != 0)
        report({s.file, p.line, p.offset}, "bind_storage on the top argument " + name);
    }
  }

  void exclusive(const Scope& s) {
    if (s.has("dataflow") && s.has("pipeline")) report({s.file, s.line, s.begin}, "dataflow and pipeline in one scope");
  }

  CXTranslationUnit unit_;
  std::set<std::string> files_, declared_;
  std::vector<Scope> scopes_;
  std::vector<Variable> variables_;
  std::map<std::string, std::vector<Call>> calls_;
  std::vector<Finding> findings_;
};

void require_compiled(CXTranslationUnit unit, const std::string& path) {
  if (unit == nullptr) throw InputError(path + ": cannot be read");
  for (unsigned i = 0; i < clang_getNumDiagnostics(unit); ++i) {
    CXDiagnostic diagnostic = clang_getDiagnostic(unit, i);
    const bool error = clang_getDiagnosticSeverity(diagnostic) >= CXDiagnostic_Error;
    const std::string message = text_of(clang_formatDiagnostic(diagnostic, clang_defaultDiagnosticDisplayOptions()));
    clang_disposeDiagnostic(diagnostic);
    if (error) throw InputError(path + ": does not compile: " + message);
  }
}

}  // namespace

std::vector<Finding> check_file(const std::string& path, const std::vector<std::string>& arguments) {
  std::vector<const char*> words = {"-std=c++14", "-Wno-unknown-pragmas"};
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  CXIndex index = clang_createIndex(0, 0);
  CXTranslationUnit unit = clang_parseTranslationUnit(index, path.c_str(), words.data(), static_cast<int>(words.size()),
                                                      nullptr, 0, CXTranslationUnit_KeepGoing);
  std::vector<Finding> findings;
  try {
    require_compiled(unit, path);
    findings = Check(unit).run();
  } catch (...) {
    clang_disposeTranslationUnit(unit);
    clang_disposeIndex(index);
    throw;
  }
  clang_disposeTranslationUnit(unit);
  clang_disposeIndex(index);
  return findings;
}

}  // namespace heatvit::tb
