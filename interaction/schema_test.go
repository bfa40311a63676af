package interaction

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	reflector "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/timbre-voice/timbre/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// makeSchema makes the schema from the types, their comments and the rules of Validate.
func makeSchema(t *testing.T) []byte {
	r := &reflector.Reflector{Anonymous: true}
	if err := r.AddGoComments(reflect.TypeFor[Interaction]().PkgPath(), ".", reflector.WithFullComment()); err != nil {
		t.Fatal(err)
	}
	for name, comment := range r.CommentMap {
		r.CommentMap[name] = strings.ReplaceAll(comment, "\n", " ")
	}
	s := r.Reflect(Interaction{})
	s.ID = SchemaURN
	s.Title = "Timbre interaction record"
	for _, typ := range recordTypes() {
		def := s.Definitions[typ.Name()]
		if def == nil {
			t.Fatalf("no definition of %s", typ)
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, _ := jsonName(f)
			property, ok := def.Properties.Get(name)
			if !ok {
				t.Fatalf("no property %s of %s", name, typ)
			}
			applyRule(property, f.Type, ruleFor(typ, f))
		}
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

// applyRule writes r where it holds: on the value, or on the elements of an array or a map.
func applyRule(s *reflector.Schema, t reflect.Type, r rule) {
	t = base(t)
	switch t.Kind() {
	case reflect.Slice:
		applyRule(s.Items, t.Elem(), r)
		return
	case reflect.Map:
		if words := vocabularies[t.Key()]; words != nil {
			s.PropertyNames = &reflector.Schema{Enum: anys(words)}
		}
		applyRule(s.AdditionalProperties, t.Elem(), r)
		return
	}
	if r.enum != nil {
		s.Enum = anys(r.enum)
	}
	if r.text {
		one := uint64(1)
		s.MinLength = &one
	}
	if r.pattern != nil {
		s.Pattern = r.pattern.String()
	}
	if r.bounded {
		s.Minimum, s.Maximum = json.Number(number(r.min)), json.Number(number(r.max))
	}
}

func anys(words []string) []any {
	out := make([]any, len(words))
	for i, w := range words {
		out[i] = w
	}
	return out
}

// recordTypes returns every struct of the record, each once.
func recordTypes() []reflect.Type {
	var out []reflect.Type
	var visit func(t reflect.Type)
	visit = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			visit(t.Elem())
		case reflect.Struct:
			if t == timeType || slices.Contains(out, t) {
				return
			}
			out = append(out, t)
			for i := range t.NumField() {
				visit(t.Field(i).Type)
			}
		}
	}
	visit(reflect.TypeFor[Interaction]())
	return out
}

func TestSchemaFileIsCurrent(t *testing.T) {
	testkit.Text(t, "schema.json", makeSchema(t))
}

func TestEveryRuleHasAField(t *testing.T) {
	unused := maps.Clone(fieldRules)
	for _, typ := range recordTypes() {
		for i := range typ.NumField() {
			name, _ := jsonName(typ.Field(i))
			delete(unused, typ.Name()+"."+name)
		}
	}
	for name := range unused {
		t.Errorf("rule %s: no such field", name)
	}
}

func compile(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(SchemaURN, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(SchemaURN)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// accepts reports what the schema says of a document.
func accepts(s *jsonschema.Schema, data []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

// TestSchemaHasTheFieldsOfTheTypes compares both ways: each property is a field and each field a property, required or not.
func TestSchemaHasTheFieldsOfTheTypes(t *testing.T) {
	var doc struct {
		Ref  string `json:"$ref"`
		ID   string `json:"$id"`
		Defs map[string]struct {
			Properties           map[string]struct{ Description string }
			Required             []string
			AdditionalProperties *bool
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.ID != SchemaURN || doc.Ref != "#/$defs/Interaction" {
		t.Errorf("schema %s of %s", doc.ID, doc.Ref)
	}
	types := recordTypes()
	if len(doc.Defs) != len(types) {
		t.Errorf("%d definitions, want the %d types", len(doc.Defs), len(types))
	}
	for _, typ := range types {
		def := doc.Defs[typ.Name()]
		var fields, required []string
		for i := range typ.NumField() {
			name, optional := jsonName(typ.Field(i))
			fields = append(fields, name)
			if !optional {
				required = append(required, name)
			}
		}
		slices.Sort(fields)
		if diff := cmp.Diff(fields, slices.Sorted(maps.Keys(def.Properties))); diff != "" {
			t.Errorf("%s: -fields +properties:\n%s", typ.Name(), diff)
		}
		if diff := cmp.Diff(required, def.Required); diff != "" {
			t.Errorf("%s: -fields without omitempty +required:\n%s", typ.Name(), diff)
		}
		if def.AdditionalProperties == nil || *def.AdditionalProperties {
			t.Errorf("%s: additionalProperties must be false", typ.Name())
		}
	}
}

func TestGoldenRecord(t *testing.T) {
	data := testkit.Read(t, "testdata/record.json")
	if err := accepts(compile(t), data); err != nil {
		t.Errorf("schema: %v", err)
	}
	r, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(data), "\n"), strings.Split(string(again)+"\n", "\n")); diff != "" {
		t.Errorf("-golden +written again:\n%s", diff)
	}
	for _, typ := range recordTypes() { // the golden record shows every field
		for i := range typ.NumField() {
			if name, _ := jsonName(typ.Field(i)); !bytes.Contains(data, []byte(`"`+name+`":`)) {
				t.Errorf("%s.%s is not in the golden record", typ.Name(), name)
			}
		}
	}
}

func clone(t testing.TB, data []byte) any {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data)) // numbers stay as they are written
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func encode(t testing.TB, doc any) []byte {
	t.Helper()
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBadDocumentsFailTwice changes one place of the golden record at a time, everywhere, and asks the schema and the types, which
// must say the same.
func TestBadDocumentsFailTwice(t *testing.T) {
	s := compile(t)
	doc := clone(t, testkit.Read(t, "testdata/record.json"))
	tried := 0
	try := func(p place, what string, mustFail bool, undo func()) {
		tried++
		data := encode(t, doc)
		undo()
		bySchema := accepts(s, data)
		_, byTypes := decode(data)
		if (bySchema == nil) != (byTypes == nil) {
			t.Errorf("%s %s: schema: %v; types: %v", p.path, what, bySchema, byTypes)
		} else if mustFail && bySchema == nil {
			t.Errorf("%s %s: accepted", p.path, what)
		}
	}
	seen := map[string]bool{}
	for _, p := range places(doc, "") {
		// One object of each shape will do: the same field of a second one has the same rules.
		if p.member != nil {
			shape := strings.Join(slices.Sorted(maps.Keys(p.member)), " ") + ": " + p.key
			if seen[shape] {
				continue
			}
			seen[shape] = true
			try(p, "taken out", false, p.remove())
			try(p, "in capitals", false, p.capitals())
		}
		for _, wrong := range wrongFor(p.value) {
			try(p, fmt.Sprintf("set to %v", wrong), true, p.set(wrong))
		}
		switch p.value.(type) {
		case map[string]any:
			try(p, "with an unknown member", false, p.add())
		case json.Number:
			for _, x := range []string{"-1", "0", "1.5", "1000000000", "9007199254740993", "-300"} {
				try(p, "set to "+x, false, p.set(json.Number(x)))
			}
		case string:
			for _, x := range []string{"", "x", "Agent", "agent"} {
				try(p, fmt.Sprintf("set to %q", x), false, p.set(x))
			}
		}
	}
	if got, want := encode(t, doc), encode(t, clone(t, testkit.Read(t, "testdata/record.json"))); !bytes.Equal(got, want) {
		t.Fatal("a change was not taken back")
	}
	t.Logf("%d changed documents", tried)
	for _, whole := range []string{"", "null", "[]", "{}", "7", `"record"`} {
		bySchema := accepts(s, []byte(whole))
		if _, err := decode([]byte(whole)); err == nil || bySchema == nil {
			t.Errorf("document %q: types: %v, schema: %v", whole, err, bySchema)
		}
	}
}

// TestDocumentsOfTheSchema makes documents from the schema alone: the types must read each one strictly and write it again
// as it was.
func TestDocumentsOfTheSchema(t *testing.T) {
	s := compile(t)
	rapid.Check(t, func(t *rapid.T) {
		doc := drawDocument(t, s)
		data, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(doc); err != nil {
			t.Fatalf("the document does not follow the schema: %v\n%s", err, data)
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		var plain Interaction
		if err := d.Decode(&plain); err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		r, err := decode(data)
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		if !cmp.Equal(&plain, r) {
			t.Fatalf("decode differs from encoding/json: %s", cmp.Diff(&plain, r))
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if json.Unmarshal(data, &a) != nil || json.Unmarshal(again, &b) != nil {
			t.Fatal("not JSON")
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatalf("-document +written again:\n%s", diff)
		}
	})
}
