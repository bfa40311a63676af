package layers

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

type pkg struct {
	ImportPath string
	Name       string
	Dir        string
	GoFiles    []string
	Imports    []string
}

// list returns the module's packages by their path below Module.
func list(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Dir,GoFiles,Imports", Module+"...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	found := map[string]pkg{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			found[strings.TrimPrefix(p.ImportPath, Module)] = p
		}
	}
}

func TestImportsPointDown(t *testing.T) {
	found := list(t)
	for name, p := range found {
		allowed, ok := Allowed[name]
		if !ok {
			t.Errorf("%s is not in the table: place it", name)
			continue
		}
		for _, path := range p.Imports {
			if dep, ours := strings.CutPrefix(path, Module); ours && !slices.Contains(allowed, dep) {
				t.Errorf("%s imports %s, allowed: %v", name, dep, allowed)
			}
		}
	}
	for name := range Allowed {
		if _, ok := found[name]; !ok {
			t.Errorf("%s is in the table but not in the code", name)
		}
	}
}

func TestTableHasNoCycle(t *testing.T) {
	var visit func(name string, path []string)
	visit = func(name string, path []string) {
		if slices.Contains(path, name) {
			t.Fatalf("cycle: %s", strings.Join(append(path, name), " -> "))
		}
		for _, dep := range Allowed[name] {
			visit(dep, append(slices.Clone(path), name))
		}
	}
	for name := range Allowed {
		visit(name, nil)
	}
}

func TestPurePackages(t *testing.T) {
	impureImports := []string{"os", "os/exec", "os/signal", "net", "net/http", "log", "log/slog", "io/fs", "syscall", "math/rand"}
	clock := []string{"Now", "Sleep", "After", "Tick", "NewTimer", "NewTicker", "AfterFunc", "Since", "Until"}
	found := list(t)
	for _, name := range Pure {
		p, ok := found[name]
		if !ok {
			t.Errorf("%s is listed as pure but is not in the code", name)
			continue
		}
		for _, path := range p.Imports {
			if slices.Contains(impureImports, path) {
				t.Errorf("%s imports %s: it must stay pure", name, path)
			}
		}
		for _, file := range p.GoFiles {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, file), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s starts a goroutine: it must stay pure", fset.Position(n.Pos()))
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && x.Obj == nil && slices.Contains(clock, n.Sel.Name) {
						t.Errorf("%s reads the clock: time.%s", fset.Position(n.Pos()), n.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// TestOnlyMainReadsTheProcess holds that flags, environment and signals are read in commands alone.
func TestOnlyMainReadsTheProcess(t *testing.T) {
	for name, p := range list(t) {
		if p.Name == "main" || strings.HasPrefix(name, "internal/") {
			continue
		}
		for _, path := range p.Imports {
			if path == "flag" || path == "os/signal" || strings.HasPrefix(path, "github.com/spf13/") {
				t.Errorf("%s imports %s: only commands read flags, environment and signals", name, path)
			}
		}
		for _, file := range p.GoFiles {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, file), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == "os" && strings.Contains("Getenv LookupEnv Environ Exit Args", s.Sel.Name) {
						t.Errorf("%s uses %s", fset.Position(n.Pos()), strconv.Quote("os."+s.Sel.Name))
					}
				}
				return true
			})
		}
	}
}
