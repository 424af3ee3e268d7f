package workload

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// property is the part of the schema that describes a field of a definition.
func property(t *testing.T, definition, name string) map[string]any {
	t.Helper()
	at := "#/properties/" + name
	if definition != "" {
		at = "#/$defs/" + definition + "/properties/" + name
	}
	p := theSchema().at(at)
	require.NotNil(t, p, at)
	return p
}

func TestSchema_isACopy(t *testing.T) {
	t.Parallel()
	s := Schema()
	require.True(t, json.Valid(s))
	s[0] = 'x'
	require.True(t, json.Valid(Schema()))
}

// The defaults that the schema states are the ones that Parse fills in.
func TestSchema_defaults(t *testing.T) {
	t.Parallel()
	w, err := Parse("w.yaml", []byte(`
name: a
inputs: {dir: in}
pool: {vmSize: S, image: {publisher: p, offer: o, sku: s}, nodeAgentSku: batch.node.x, spotNodes: 1}
task: {command: "true {{input}}", outputs: [{pattern: "*"}]}
`))
	require.NoError(t, err)
	for _, tt := range []struct {
		definition, name string
		filledIn         any
	}{
		{"", "timeout", w.Timeout},
		{"Inputs", "match", w.Inputs.Match},
		{"Pool", "taskSlots", w.Pool.TaskSlots},
		{"Pool", "lease", w.Pool.Lease},
		{"Image", "version", w.Pool.Image.Version},
		{"Task", "slots", w.Task.Slots},
		{"Task", "maxRetries", w.Task.MaxRetries},
		{"Job", "priority", w.Job.Priority},
		{"Output", "to", w.Task.Outputs[0].To},
		{"Output", "when", w.Task.Outputs[0].When},
		{"Cleanup", "when", w.Cleanup.When},
		{"Cleanup", "deadline", w.Cleanup.Deadline},
		{"Cleanup", "onDeadline", w.Cleanup.OnDeadline},
	} {
		stated, err := json.Marshal(property(t, tt.definition, tt.name)["default"])
		require.NoError(t, err)
		filledIn, err := json.Marshal(tt.filledIn)
		require.NoError(t, err)
		require.JSONEq(t, string(stated), string(filledIn), "%s.%s", tt.definition, tt.name)
	}
}

// Each pattern has its words, and each field a description or a name that
// Azure's own documentation explains.
func TestSchema_speaks(t *testing.T) {
	t.Parallel()
	azures := []string{"publisher", "offer", "sku", "version", "blob", "prefix"}
	definitions := theSchema().at("#/$defs")
	require.Len(t, definitions, 12)
	for definition, d := range definitions {
		d := d.(map[string]any)
		require.NotEmpty(t, d["description"], definition)
		require.Equal(t, false, d["additionalProperties"], definition)
		for name, p := range d["properties"].(map[string]any) {
			p := p.(map[string]any)
			if pattern, ok := p["pattern"].(string); ok && p["format"] == nil {
				require.NotEmpty(t, allowedBy[pattern], pattern)
			}
			if p["$ref"] == nil && p["description"] == nil {
				require.Contains(t, azures, name, definition)
			}
		}
	}
}
