package workload

import (
	"slices"
	"strconv"
	"strings"
)

// check is the judging of one document: first by the schema, then, with what
// the schema refused left out, by the rules about several fields.
type check struct {
	*report
	root      *node
	positions map[string]position // by field
	excused   []string            // fields that have their problem already
}

func newCheck(r *report, root *node) *check {
	c := &check{report: r, root: root, positions: make(map[string]position)}
	c.locate("", root, root.position)
	for _, p := range r.problems {
		c.excuse(p.Field)
	}
	return c
}

func (c *check) locate(field string, n *node, at position) {
	c.positions[field] = at
	for _, m := range n.members {
		c.locate(join(field, m.key), m.value, m.position)
	}
	for i, v := range n.items {
		c.locate(item(field, i), v, v.position)
	}
}

// has tells whether the document says anything about the field.
func (c *check) has(field string) bool {
	_, found := c.positions[field]
	return found
}

// refuse reports a problem at the field's own place, or at its parent's when
// the document does not have it.
func (c *check) refuse(field, message string) {
	at := field
	for at != "" && !c.has(at) {
		at = at[:max(strings.LastIndexAny(at, ".["), 0)]
	}
	c.add(c.positions[at], field, message)
}

func (c *check) hasProblem(field string) bool {
	return slices.ContainsFunc(c.problems, func(p Problem) bool { return p.Field == field })
}

// excuse keeps rules from reporting what follows from a problem of the field.
func (c *check) excuse(field string) {
	if field != "" {
		c.excused = append(c.excused, field)
	}
}

func (c *check) isExcused(field string) bool {
	return slices.ContainsFunc(c.excused, func(e string) bool {
		return within(field, e) || within(e, field)
	})
}

// rule reports that the document breaks a rule about some fields, unless one of
// them has a problem already. Without about, the rule is about field alone.
func (c *check) rule(field, message string, about ...string) {
	if len(about) == 0 {
		about = []string{field}
	}
	if !slices.ContainsFunc(about, c.isExcused) {
		c.refuse(field, message)
	}
}

// found is a value of the tree and how it hangs there.
type found struct {
	field  string
	node   *node
	parent *node
	key    string
}

// find follows a path of keys and indexes.
func (c *check) find(path []string) found {
	f := found{node: c.root}
	for _, token := range path {
		parent := f.node
		switch parent.kind {
		case object:
			m := parent.member(token)
			if m == nil {
				return f
			}
			f = found{field: join(f.field, token), node: m.value, parent: parent, key: token}
		case list:
			i, err := strconv.Atoi(token)
			if err != nil || i >= len(parent.items) {
				return f
			}
			f = found{field: item(f.field, i), node: parent.items[i], parent: parent}
		}
	}
	return f
}

// drop takes the value out of the tree. An entry of a list is emptied instead:
// the others keep their numbers.
func (f found) drop(wanted valueKind) {
	switch {
	case f.parent == nil:
	case f.parent.kind == object:
		f.parent.remove(f.key)
	case wanted == object:
		f.node.kind, f.node.members = object, nil
	default:
		f.node.kind, f.node.scalar = text, ""
	}
}

func (n *node) remove(key string) {
	n.members = slices.DeleteFunc(n.members, func(m member) bool { return m.key == key })
}
