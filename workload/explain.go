package workload

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// checkSchema reports all that the schema refuses in the tree, each violation in
// words and at its place, and takes what is refused out of the tree.
func (c *check) checkSchema() {
	err := theSchema().schema.Validate(c.root.plain())
	var refused *jsonschema.ValidationError
	if !errors.As(err, &refused) {
		return
	}
	violations := leaves(refused)
	slices.SortStableFunc(violations, inOrder) // they come in the order of a map
	for _, v := range violations {
		if unknown, ok := v.ErrorKind.(*kind.AdditionalProperties); ok {
			c.unknownKeys(c.find(v.InstanceLocation), unknown.Properties, theSchema().at(v.SchemaURL))
		}
	}
	// After the unknown keys: a key that is missing may be among them, misspelt.
	for _, v := range violations {
		switch k := v.ErrorKind.(type) {
		case *kind.AdditionalProperties:
		case *kind.Required:
			c.missingKeys(c.find(v.InstanceLocation), k.Missing)
		default:
			c.wrongValue(c.find(v.InstanceLocation), v.ErrorKind, theSchema().at(v.SchemaURL))
		}
	}
}

func inOrder(a, b *jsonschema.ValidationError) int {
	return cmp.Or(
		slices.Compare(a.InstanceLocation, b.InstanceLocation),
		strings.Compare(fmt.Sprintf("%T", a.ErrorKind), fmt.Sprintf("%T", b.ErrorKind)),
	)
}

// leaves are the violations themselves, without the references that led there.
func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	var all []*jsonschema.ValidationError
	for _, cause := range e.Causes {
		all = append(all, leaves(cause)...)
	}
	return all
}

func (c *check) missingKeys(f found, missing []string) {
	for _, key := range missing {
		field := join(f.field, key)
		c.rule(field, "is required")
		c.excuse(field)
	}
}

// wrongValue reports one problem for one value, however many there are.
func (c *check) wrongValue(f found, k jsonschema.ErrorKind, schema map[string]any) {
	if c.hasProblem(f.field) {
		return
	}
	c.refuse(f.field, explain(k, f.node, schema))
	c.excuse(f.field)
	f.drop(wantedKind(k))
}

func wantedKind(k jsonschema.ErrorKind) valueKind {
	if t, ok := k.(*kind.Type); ok && slices.Contains(t.Want, "object") {
		return object
	}
	return text
}

// explain says what is allowed. It repeats no text but durations and choices:
// addresses and environment variables may hold secrets.
func explain(k jsonschema.ErrorKind, n *node, schema map[string]any) string {
	switch k := k.(type) {
	case *kind.Type:
		if schema["format"] == DurationFormat {
			return "must be a duration, such as 30s, 10m or 24h" + notKind(n)
		}
		if schema["format"] == ToleranceFormat {
			return wantedTolerance
		}
		return wrongType(k, n)
	case *kind.Enum:
		return wrongChoice(k)
	case *kind.Pattern:
		if schema["format"] == DurationFormat {
			return fmt.Sprintf("%q is not a duration; write one such as 30s, 10m or 24h", shorten(k.Got))
		}
		if schema["format"] == ToleranceFormat {
			return wantedTolerance
		}
		if k.Got == "" {
			return "must not be empty"
		}
		return "must be " + allowedBy[k.Want]
	case *kind.Format:
		return k.Err.Error()
	case *kind.Minimum:
		return fmt.Sprintf("must be %s or more, not %s", k.Want.RatString(), k.Got.RatString())
	case *kind.Maximum:
		return fmt.Sprintf("must be %s or less, not %s", k.Want.RatString(), k.Got.RatString())
	case *kind.MinLength:
		if pattern, _ := schema["pattern"].(string); k.Got > 0 && allowedBy[pattern] != "" {
			return "must be " + allowedBy[pattern]
		}
		return "must not be empty"
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters, not %d", k.Want, k.Got)
	case *kind.MinItems:
		return "must not be empty; leave the key out for the default"
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d entries, not %d", k.Want, k.Got)
	}
	return "is not what the schema allows"
}

// allowedBy says in words what each pattern of the schema allows.
var allowedBy = map[string]string{
	`^[A-Za-z0-9][A-Za-z0-9-]*$`:      "letters, digits and dashes, and begin with a letter or a digit, such as mp4-to-mp3",
	`^[a-z0-9]+(-[a-z0-9]+)*$`:        "a container's name: 3 to 63 lower-case letters, digits and single dashes, beginning and ending with a letter or a digit",
	`^[A-Za-z0-9_-]+$`:                "letters, digits, dashes and underscores",
	`^[A-Za-z0-9._-]+$`:               "letters, digits, dots, dashes and underscores",
	`^batch\.node\.[A-Za-z0-9._ -]+$`: `the id of a Batch node agent, such as "batch.node.ubuntu 24.04"`,
	`^0?[0-7][0-7][0-7]$`:             `three or four octal digits in quotes, such as "0755"`,
	`^[A-Za-z0-9-]+$`:                 "letters, digits and dashes",
	`^[^\s/@]+$`:                      "a host name, as the machine itself says it",
}

func wrongType(k *kind.Type, n *node) string {
	want := "something else"
	if len(k.Want) > 0 {
		want = k.Want[0]
	}
	switch want {
	case "string":
		if n.kind == number || n.kind == boolean {
			return fmt.Sprintf("must be text, not %s; put it in quotes", n.kind)
		}
		return fmt.Sprintf("must be text, not %s", n.kind)
	case "integer":
		if n.kind != number {
			return "must be a whole number" + notKind(n)
		}
		return "must be a whole number"
	case "boolean":
		return "must be true or false, without quotes"
	case "array":
		return "must be a list, such as [one, two]" + notKind(n)
	}
	return "must be a group of keys" + notKind(n)
}

func notKind(n *node) string {
	return ", not " + string(n.kind)
}

func wrongChoice(k *kind.Enum) string {
	choices := make([]string, len(k.Want))
	for i, v := range k.Want {
		choices[i] = fmt.Sprint(v)
	}
	message := "must be " + choices[0]
	if last := len(choices) - 1; last > 0 {
		message = "must be " + strings.Join(choices[:last], ", ") + " or " + choices[last]
	}
	got, ok := k.Got.(string)
	if !ok {
		return message
	}
	message += fmt.Sprintf(", not %q", shorten(got))
	if near := nearest(got, choices); near != "" {
		message += fmt.Sprintf("; did you mean %s?", near)
	}
	return message
}
