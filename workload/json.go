package workload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// readJSON makes the tree of a JSON document; nil: there is none.
func (b *builder) readJSON(data []byte) *node {
	var syntax *json.SyntaxError
	if err := json.Unmarshal(data, new(json.RawMessage)); errors.As(err, &syntax) {
		b.report.fatal(positionAt(data, int(syntax.Offset)-1), "cannot be read as JSON: "+syntax.Error())
		return nil
	}
	r := jsonReader{builder: b, data: data, decoder: json.NewDecoder(bytes.NewReader(data))}
	r.at = position{line: 1, column: 1}
	r.decoder.UseNumber()
	return r.value("", 0)
}

// jsonReader walks the tokens of a text that is known to be JSON.
type jsonReader struct {
	*builder
	data    []byte
	decoder *json.Decoder
	offset  int // of the last token
	at      position
}

// next is a token and where it begins.
func (r *jsonReader) next() (json.Token, position) {
	offset := int(r.decoder.InputOffset())
	for offset < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[offset]) >= 0 {
		offset++
	}
	r.advance(offset)
	token, err := r.decoder.Token()
	if err != nil && !errors.Is(err, io.EOF) {
		r.report.fatal(r.at, "cannot be read as JSON: "+err.Error())
	}
	return token, r.at
}

// advance moves the position on: counting from the text's begin for each token
// would take minutes for a long line.
func (r *jsonReader) advance(offset int) {
	passed := r.data[r.offset:offset]
	if lines := bytes.Count(passed, []byte("\n")); lines > 0 {
		r.at = position{line: r.at.line + lines, column: 1}
		passed = passed[bytes.LastIndexByte(passed, '\n')+1:]
	}
	r.at.column += utf8.RuneCount(passed)
	r.offset = offset
}

func (r *jsonReader) value(field string, depth int) *node {
	token, at := r.next()
	if !r.enter(at, depth) {
		return nil
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			return r.object(at, field, depth)
		}
		return r.list(at, field, depth)
	case string:
		return &node{position: at, kind: text, scalar: v}
	case bool:
		return &node{position: at, kind: boolean, scalar: v}
	case json.Number:
		if n, ok := r.number(v.String(), at, field); ok {
			return &node{position: at, kind: number, scalar: n}
		}
		return nil
	}
	if field == "" {
		r.report.fatal(at, emptyDocument)
		return nil
	}
	r.empty(at, field)
	return nil
}

func (r *jsonReader) object(at position, field string, depth int) *node {
	n := &node{position: at, kind: object}
	for !r.report.stopped && r.decoder.More() {
		token, keyAt := r.next()
		key, _ := token.(string)
		if v := r.value(join(field, key), depth+1); v != nil {
			r.add(n, member{position: keyAt, key: key, value: v}, field)
		}
	}
	r.next()
	return n
}

func (r *jsonReader) list(at position, field string, depth int) *node {
	n := &node{position: at, kind: list}
	for !r.report.stopped && r.decoder.More() {
		n.items = append(n.items, r.value(item(field, len(n.items)), depth+1))
	}
	r.next()
	return n.whole()
}

// positionAt is where the byte at offset is.
func positionAt(data []byte, offset int) position {
	offset = min(max(offset, 0), len(data))
	before := data[:offset]
	begin := bytes.LastIndexByte(before, '\n') + 1
	return position{
		line:   bytes.Count(before, []byte("\n")) + 1,
		column: utf8.RuneCount(before[begin:]) + 1,
	}
}

// looksLikeJSON tells which of the two syntaxes to read, and to speak of in
// messages. All JSON is read as JSON: YAML readers differ from it in escapes,
// tabs and the length of keys.
func looksLikeJSON(name string, data []byte) bool {
	return strings.HasSuffix(strings.ToLower(name), ".json") || json.Valid(data)
}

const emptyDocument = "is empty; a workload has at least name, inputs, pool and task"

// notText says why data cannot be YAML or JSON at all.
func notText(data []byte) (position, string) {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return position{}, "is UTF-16; save it as UTF-8"
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return positionAt(data, i), "holds a zero byte: this is not a text file"
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return positionAt(data, i), fmt.Sprintf("is not UTF-8: byte 0x%02x; save it as UTF-8", data[i])
		}
		i += size
	}
	return position{}, ""
}
