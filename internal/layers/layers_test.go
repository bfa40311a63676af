package layers

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/internal/testkit"
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
	watch(t)
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

// watch opens every folder of the module, so that go test does not answer from its cache when a file came or went: it cannot know
// what the go command reads.
func watch(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(testkit.Root(t), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// inspect calls visit for every node of the package's non-test files.
func (p pkg) inspect(t *testing.T, visit func(at token.Position, n ast.Node)) {
	t.Helper()
	for _, file := range p.GoFiles {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, file), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if n != nil {
				visit(fset.Position(n.Pos()), n)
			}
			return true
		})
	}
}

// selected returns Name of an expression path.Name where path is an import and no variable of that name.
func selected(s *ast.SelectorExpr, path string) (string, bool) {
	x, ok := s.X.(*ast.Ident)
	return s.Sel.Name, ok && x.Name == path && x.Obj == nil
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
		p.inspect(t, func(at token.Position, n ast.Node) {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine: it must stay pure", at)
			case *ast.SelectorExpr:
				if name, ok := selected(n, "time"); ok && slices.Contains(clock, name) {
					t.Errorf("%s reads the clock: time.%s", at, name)
				}
			}
		})
	}
}

// TestOnlyMainReadsTheProcess holds that flags, environment and signals are read in commands alone.
func TestOnlyMainReadsTheProcess(t *testing.T) {
	process := []string{"Getenv", "LookupEnv", "Environ", "Exit", "Args"}
	for name, p := range list(t) {
		if p.Name == "main" || strings.HasPrefix(name, "internal/") {
			continue
		}
		for _, path := range p.Imports {
			if path == "flag" || path == "os/signal" || strings.HasPrefix(path, "github.com/spf13/") {
				t.Errorf("%s imports %s: only commands read flags, environment and signals", name, path)
			}
		}
		p.inspect(t, func(at token.Position, n ast.Node) {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if name, ok := selected(sel, "os"); ok && slices.Contains(process, name) {
					t.Errorf("%s uses os.%s: only commands read flags, environment and signals", at, name)
				}
			}
		})
	}
}
