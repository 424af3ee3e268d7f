// Schemagen writes the JSON Schema of the workload document, from the document's
// Go types: their tags and comments. It is run by go generate in the package's
// directory.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/durabatch/durabatch/workload"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: schemagen FILE, in the directory of package workload")
	}
	text, err := generate()
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], text, 0o644)
}

// generate reads the comments of the package in the current directory.
func generate() ([]byte, error) {
	r := &jsonschema.Reflector{
		Anonymous:      true,
		ExpandedStruct: true,
		Mapper:         mapText,
	}
	t := reflect.TypeFor[workload.Workload]()
	if err := r.AddGoComments(t.PkgPath(), ".", jsonschema.WithFullComment()); err != nil {
		return nil, fmt.Errorf("reading the comments: %w", err)
	}
	s := r.ReflectFromType(t)
	s.Title = "durabatch workload"
	// What the tag's comma-separated form cannot say: a default that is a list.
	if match, found := s.Definitions["Inputs"].Properties.Get("match"); found {
		match.Default = []string{"*"}
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

// mapText describes what has a form of its own in the document by that form.
func mapText(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[workload.Duration]():
		return &jsonschema.Schema{
			Type:     "string",
			Format:   workload.DurationFormat,
			Pattern:  `^([0-9]+(\.[0-9]+)?(h|m|s|ms))+$`,
			Examples: []any{"30s", "10m", "24h"},
		}
	case reflect.TypeFor[workload.Tolerance]():
		return &jsonschema.Schema{
			Format:   workload.ToleranceFormat,
			Pattern:  `^[0-9]+(\.[0-9]+)?%$`,
			Minimum:  "0",
			Maximum:  "1000000000",
			Examples: []any{10, "5%"},
			Extras:   map[string]any{"type": []string{"string", "integer"}},
		}
	}
	return nil
}
