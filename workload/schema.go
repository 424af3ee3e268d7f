package workload

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed schema.json
var schemaText []byte

// DurationFormat is the name of the schema's format for durations. Readers that
// do not know it have the pattern beside it.
const DurationFormat = "go-duration"

// Schema is the JSON Schema of the document, draft 2020-12. Parse checks every
// document against it.
func Schema() []byte { return bytes.Clone(schemaText) }

const schemaURL = "durabatch:///workload.json"

// compiled is the schema, ready for use, and as plain JSON for messages.
type compiled struct {
	schema *jsonschema.Schema
	plain  map[string]any
}

var theSchema = sync.OnceValue(func() compiled {
	plain, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaText))
	if err != nil {
		panic(fmt.Sprintf("workload: schema.json: %v", err))
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.RegisterFormat(&jsonschema.Format{Name: DurationFormat, Validate: validDuration})
	c.RegisterFormat(&jsonschema.Format{Name: ToleranceFormat, Validate: validTolerance})
	if err := c.AddResource(schemaURL, plain); err != nil {
		panic(fmt.Sprintf("workload: schema.json: %v", err))
	}
	return compiled{schema: c.MustCompile(schemaURL), plain: plain.(map[string]any)}
})

// validDuration judges text alone; what is not text is the schema's to refuse.
func validDuration(v any) error {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	return new(Duration).UnmarshalText([]byte(s))
}

// at is the part of the schema that a violation's URL points to.
func (s compiled) at(url string) map[string]any {
	_, pointer, _ := strings.Cut(url, "#")
	var v any = s.plain
	for _, token := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		if token == "" {
			continue
		}
		switch parent := v.(type) {
		case map[string]any:
			v = parent[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i >= len(parent) {
				return nil
			}
			v = parent[i]
		}
	}
	m, _ := v.(map[string]any)
	return m
}

// keys are the properties of an object's schema, sorted.
func keys(schema map[string]any) []string {
	properties, _ := schema["properties"].(map[string]any)
	names := make([]string, 0, len(properties))
	for name := range properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// homes are the fields that have key, such as pool for vmSize.
func (s compiled) homes(key string) []string {
	var found []string
	for _, name := range keys(s.plain) {
		property, _ := s.plain["properties"].(map[string]any)[name].(map[string]any)
		ref, _ := property["$ref"].(string)
		if slices.Contains(keys(s.at(ref)), key) {
			found = append(found, name)
		}
	}
	return found
}

func unmarshalInto(v any, w *Workload) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, w)
}
