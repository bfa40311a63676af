package interaction

import (
	_ "embed"
	"slices"
)

//go:generate go test -run ^TestSchemaFileIsCurrent$ -update .

//go:embed schema.json
var schema []byte

// SchemaURN is the $id of the JSON Schema.
const SchemaURN = "urn:timbre:interaction:1"

// Schema returns the published JSON Schema (2020-12) of the record, a copy that the caller may keep. The schema says what one
// field may hold; Validate also holds the fields against each other (references, order, sums, stated reasons).
func Schema() []byte {
	return slices.Clone(schema)
}
