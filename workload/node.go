package workload

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a document's tree, far above what a workload needs: aliases can
// make a small text stand for an endless one.
const (
	maxValues = 10_000
	maxDepth  = 32
)

// maxProblems is more than anybody reads at once.
const maxProblems = 100

// node is one value of a document, YAML or JSON, and where it is. The same tree
// from both keeps one set of rules.
type node struct {
	position
	kind    valueKind
	members []member // of an object, in the document's order
	items   []*node  // of a list
	scalar  any      // string, int64, float64 or bool
}

type member struct {
	position // of the key
	key      string
	value    *node
}

// position counts from 1; the zero position is unknown.
type position struct{ line, column int }

type valueKind string

// The kinds of values, as messages call them.
const (
	object  valueKind = "a group of keys"
	list    valueKind = "a list"
	text    valueKind = "text"
	number  valueKind = "a number"
	boolean valueKind = "true or false"
	null    valueKind = "nothing"
)

// plain is the value as encoding/json would have it.
func (n *node) plain() any {
	switch n.kind {
	case object:
		m := make(map[string]any, len(n.members))
		for _, member := range n.members {
			m[member.key] = member.value.plain()
		}
		return m
	case list:
		l := make([]any, len(n.items))
		for i, item := range n.items {
			l[i] = item.plain()
		}
		return l
	}
	return n.scalar
}

// whole leaves out a list of which an entry was left out: the others would
// change their numbers.
func (n *node) whole() *node {
	if slices.Contains(n.items, nil) {
		return nil
	}
	return n
}

func (n *node) member(key string) *member {
	for i := range n.members {
		if n.members[i].key == key {
			return &n.members[i]
		}
	}
	return nil
}

// builder makes a tree and notes what is wrong with it on the way. Values that
// are wrong are left out of the tree.
type builder struct {
	report *report
	values int
}

// enter counts a value; false: there are too many, or they are too deep.
func (b *builder) enter(at position, depth int) bool {
	b.values++
	switch {
	case b.values == maxValues+1:
		b.report.fatal(at, fmt.Sprintf("more than %d values, aliases followed; a workload has a few dozen", maxValues))
	case depth > maxDepth:
		b.report.fatal(at, fmt.Sprintf("nested deeper than %d levels", maxDepth))
	}
	return !b.report.stopped
}

// add puts a member into an object, once for each key.
func (b *builder) add(n *node, m member, field string) {
	if first := n.member(m.key); first != nil {
		message := "this key was given before"
		if first.line != m.line {
			message = fmt.Sprintf("this key was given before, in line %d", first.line)
		}
		b.report.add(m.position, join(field, m.key), message+"; keep one of the two")
		return
	}
	n.members = append(n.members, m)
}

// empty reports a key or an item that has no value.
func (b *builder) empty(at position, field string) {
	b.report.add(at, field, "has no value; give it one, or leave the key out for the default")
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// number reads what both YAML and JSON call a number.
func (b *builder) number(s string, at position, field string) (any, bool) {
	if jsonNumber.MatchString(s) {
		if v, err := strconv.ParseInt(s, 10, 64); err == nil {
			return v, true
		}
		if v, err := strconv.ParseFloat(s, 64); err == nil && !math.IsInf(v, 0) {
			return v, true
		}
	}
	b.report.add(at, field, fmt.Sprintf("%s is not a plain number; write it in digits, such as 5, or in quotes if it is text", shorten(s)))
	return nil, false
}

// report collects problems.
type report struct {
	file     string
	problems Problems
	stopped  bool // by a problem that leaves nothing to look at
}

func (r *report) add(at position, field, message string) {
	if r.stopped {
		return
	}
	if len(r.problems) == maxProblems {
		r.stopped = true
		field, message = "", fmt.Sprintf("more than %d problems; mend these first", maxProblems)
	}
	r.problems = append(r.problems, Problem{
		File: r.file, Line: at.line, Column: at.column, Field: field, Message: message,
	})
}

// fatal reports what makes all further problems pointless.
func (r *report) fatal(at position, message string) {
	r.add(at, "", message)
	r.stopped = true
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_$-]{1,80}$`)

// join names a member of a field.
func join(field, key string) string {
	if !plainKey.MatchString(key) {
		key = `"` + shorten(key) + `"`
	}
	if field == "" {
		return key
	}
	return field + "." + key
}

func item(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

// within tells whether field is outer or part of it.
func within(field, outer string) bool {
	rest, found := strings.CutPrefix(field, outer)
	return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
