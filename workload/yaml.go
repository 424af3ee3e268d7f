package workload

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readYAML makes the tree of a YAML document; nil: there is none.
func (b *builder) readYAML(data []byte) *node {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		b.report.fatal(position{}, emptyDocument)
		return nil
	case err != nil:
		b.syntaxError(err, data)
		return nil
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		b.report.fatal(position{line: second.Line}, "a second document begins here; a file holds one workload")
		return nil
	case !errors.Is(err, io.EOF):
		b.syntaxError(err, data)
		return nil
	}
	return b.fromYAML(&document, "", 0, nil)
}

// fromYAML follows aliases by copying what they stand for; builder.enter bounds
// what comes of it. around are the anchors that this value is inside of.
func (b *builder) fromYAML(y *yaml.Node, field string, depth int, around []*yaml.Node) *node {
	at := position{line: y.Line, column: y.Column}
	if y.Kind == yaml.DocumentNode {
		return b.fromYAML(y.Content[0], field, depth, around)
	}
	if !b.enter(at, depth) {
		return nil
	}
	switch y.Kind {
	case yaml.AliasNode:
		for _, anchor := range around {
			if anchor == y.Alias {
				b.report.fatal(at, fmt.Sprintf("the alias *%s stands for a value that it is part of", shorten(y.Value)))
				return nil
			}
		}
		return b.fromYAML(y.Alias, field, depth+1, append(around[:len(around):len(around)], y.Alias))
	case yaml.MappingNode:
		return b.mappingFromYAML(y, at, field, depth, around)
	case yaml.SequenceNode:
		n := &node{position: at, kind: list}
		for i, content := range y.Content {
			n.items = append(n.items, b.fromYAML(content, item(field, i), depth+1, around))
		}
		return n.whole()
	}
	return b.scalarFromYAML(y, at, field)
}

func (b *builder) mappingFromYAML(y *yaml.Node, at position, field string, depth int, around []*yaml.Node) *node {
	n := &node{position: at, kind: object}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		keyAt := position{line: key.Line, column: key.Column}
		switch {
		case key.Kind == yaml.MappingNode:
			b.report.add(keyAt, field, "a value that begins with {{ must be in quotes: YAML takes a brace for the begin of a group")
			return nil
		case key.Kind != yaml.ScalarNode:
			b.report.add(keyAt, field, "a key must be a word")
			continue
		case key.ShortTag() == "!!merge":
			b.report.add(keyAt, join(field, key.Value), "merge keys are not supported; write the keys out")
			continue
		}
		value := b.fromYAML(y.Content[i+1], join(field, key.Value), depth+1, around)
		if value != nil {
			b.add(n, member{position: keyAt, key: key.Value, value: value}, field)
		}
	}
	return n
}

func (b *builder) scalarFromYAML(y *yaml.Node, at position, field string) *node {
	n := &node{position: at}
	switch tag := y.ShortTag(); tag {
	case "!!str", "!!timestamp":
		n.kind, n.scalar = text, y.Value
	case "!!bool":
		n.kind, n.scalar = boolean, strings.EqualFold(y.Value, "true")
	case "!!int", "!!float":
		v, ok := b.number(y.Value, at, field)
		if !ok {
			return nil
		}
		n.kind, n.scalar = number, v
	case "!!null":
		if field == "" {
			b.report.fatal(at, emptyDocument)
			return nil
		}
		b.empty(at, field)
		return nil
	default:
		b.report.add(at, field, fmt.Sprintf("the tag %s is not supported; write the plain value", shorten(y.Tag)))
		return nil
	}
	return n
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntaxError says in the words of a user what the parser stumbled over.
func (b *builder) syntaxError(err error, data []byte) {
	at, message := position{}, err.Error()
	if m := yamlError.FindStringSubmatch(message); m != nil {
		at.line, _ = strconv.Atoi(m[1])
		message = m[2]
	}
	if line, cause := usualMistake(data); line > 0 {
		at.line, message = line, cause
	} else if cause := plainer[message]; cause != "" {
		message = cause
	}
	b.report.fatal(at, "cannot be read as YAML: "+message)
}

// usualMistakes are looked for once the parser has given up: what it says of
// them misleads, and so does the line.
var usualMistakes = []struct {
	line    *regexp.Regexp
	message string
}{
	{regexp.MustCompile(`^ *\t+ *\S`), "tabs in the indentation are not allowed; use spaces"},
	{regexp.MustCompile(`(: |- |[\[{,]) *\{\{`), `text that begins with {{ must be in quotes, such as "{{stem}}.mp3"`},
	{regexp.MustCompile(`(: |- |[\[,]) *\*[.*/]`), `a pattern that begins with * must be in quotes, such as "*.mp4"`},
}

func usualMistake(data []byte) (line int, message string) {
	for text := range bytes.Lines(data) {
		line++
		for _, m := range usualMistakes {
			if m.line.Match(text) {
				return line, m.message
			}
		}
	}
	return 0, ""
}

// plainer adds to the parser's words what to do.
var plainer = map[string]string{
	"mapping values are not allowed in this context":        "no key is expected here; is the indentation right? text that holds a colon and a space must be in quotes",
	"found character that cannot start any token":           "text that begins with @, ` or % must be in quotes",
	"found unknown escape character":                        "in double quotes a backslash must be doubled; or use single quotes",
	"could not find expected ':'":                           "a key without its colon, or text that must be in quotes",
	"did not find expected key":                             "a key is expected here; is the indentation right, in this line and the one before?",
	"did not find expected '-' indicator":                   "an entry of the list is expected here, with its dash; is the indentation right?",
	"did not find expected ',' or ']'":                      "the list is not closed with ]",
	"did not find expected ',' or '}'":                      "the group is not closed with }",
	"did not find expected alphabetic or numeric character": "text that begins with * or & must be in quotes",
	"found unexpected end of stream":                        "a quote is not closed",
}
