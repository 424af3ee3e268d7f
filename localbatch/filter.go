package localbatch

import (
	"fmt"
	"strings"

	"github.com/durabatch/durabatch/localbatch/store"
)

// kind is what a property that can be filtered by holds. It decides on the
// operators there are (Batch documentation, "Create queries to list Batch
// resources efficiently").
type kind int

const (
	nameKind    kind = iota // text: every operator, and startswith
	choiceKind              // text: eq, ne
	equalKind               // text: eq only
	prefixKind              // text: startswith only
	timeKind                // every operator
	numberKind              // every operator
	booleanKind             // eq, ne
)

// fields are the properties a list can be filtered by. Names are case-sensitive.
type fields map[string]kind

// expr is a parsed $filter.
type expr interface {
	// matches evaluates the filter on one item. A property without a value
	// meets no comparison.
	matches(property func(name string) any) bool
	// where is the same for a list that the store filters; columns has a
	// column for each property that the filter can name.
	where(columns map[string]store.Column) store.Where
}

type (
	both       struct{ left, right expr }
	either     struct{ left, right expr }
	comparison struct {
		property string
		op       store.Op
		value    any // lower-case string, int64, bool or store.Time
	}
	prefixed struct{ property, prefix string }
)

func (e both) matches(p func(string) any) bool   { return e.left.matches(p) && e.right.matches(p) }
func (e either) matches(p func(string) any) bool { return e.left.matches(p) || e.right.matches(p) }

func (e prefixed) matches(property func(string) any) bool {
	text, ok := property(e.property).(string)
	return ok && strings.HasPrefix(strings.ToLower(text), e.prefix)
}

func (e comparison) matches(property func(string) any) bool {
	order, ok := compare(property(e.property), e.value)
	if !ok {
		return false
	}
	switch e.op {
	case store.Equal:
		return order == 0
	case store.NotEqual:
		return order != 0
	case store.Greater:
		return order > 0
	case store.GreaterOrEqual:
		return order >= 0
	case store.Less:
		return order < 0
	default:
		return order <= 0
	}
}

func compare(have, want any) (int, bool) {
	switch want := want.(type) {
	case string:
		have, ok := have.(string)
		return strings.Compare(strings.ToLower(have), want), ok
	case int64:
		have, ok := have.(int64)
		return int(have - want), ok
	case store.Time:
		have, ok := have.(store.Time)
		return int(have - want), ok && have != 0
	case bool:
		have, ok := have.(bool)
		if have == want {
			return 0, ok
		}
		return 1, ok
	}
	return 0, false
}

func (e both) where(c map[string]store.Column) store.Where {
	return store.And{Left: e.left.where(c), Right: e.right.where(c)}
}

func (e either) where(c map[string]store.Column) store.Where {
	return store.Or{Left: e.left.where(c), Right: e.right.where(c)}
}

func (e comparison) where(c map[string]store.Column) store.Where {
	return store.Compare{Column: c[e.property], Op: e.op, Value: e.value}
}

func (e prefixed) where(c map[string]store.Column) store.Where {
	return store.HasPrefix{Column: c[e.property], Prefix: e.prefix}
}

// maxDepth bounds the parentheses of a filter, maxTerms its comparisons: the
// store takes no expression that is deeper than both together.
const maxDepth, maxTerms = 50, 500

// parseFilter reads an OData filter: comparisons and startswith, joined by and
// and or (which binds less), with parentheses.
func parseFilter(text string, fields fields) (expr, error) {
	tokens, err := tokenize(text)
	if err != nil {
		return nil, err
	}
	p := &filterParser{tokens: tokens, fields: fields}
	e, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != endToken {
		return nil, fmt.Errorf("%q is not expected there", t.text)
	}
	return e, nil
}

type filterParser struct {
	tokens []token
	fields fields
	terms  int
}

func (p *filterParser) peek() token { return p.tokens[0] }

func (p *filterParser) next() token {
	t := p.tokens[0]
	if t.kind != endToken {
		p.tokens = p.tokens[1:]
	}
	return t
}

// word takes the next token if it is this word; operators go in any case.
func (p *filterParser) word(text string) bool {
	if t := p.peek(); t.kind != wordToken || !strings.EqualFold(t.text, text) {
		return false
	}
	p.next()
	return true
}

func (p *filterParser) symbol(text string) error {
	if t := p.next(); t.kind != symbolToken || t.text != text {
		return fmt.Errorf("%q is expected where %q is", text, t.text)
	}
	return nil
}

func (p *filterParser) or(depth int) (expr, error) {
	left, err := p.and(depth)
	for err == nil && p.word("or") {
		var right expr
		right, err = p.and(depth)
		left = either{left, right}
	}
	return left, err
}

func (p *filterParser) and(depth int) (expr, error) {
	left, err := p.term(depth)
	for err == nil && p.word("and") {
		var right expr
		right, err = p.term(depth)
		left = both{left, right}
	}
	return left, err
}

func (p *filterParser) term(depth int) (expr, error) {
	t := p.next()
	switch {
	case t.kind == symbolToken && t.text == "(":
		if depth == maxDepth {
			return nil, fmt.Errorf("there are more than %d parentheses within each other", maxDepth)
		}
		inner, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		return inner, p.symbol(")")
	case t.kind != wordToken:
		return nil, fmt.Errorf("a property is expected where %q is", t.text)
	case p.terms == maxTerms:
		return nil, fmt.Errorf("there are more than %d comparisons", maxTerms)
	}
	p.terms++
	if strings.EqualFold(t.text, "startswith") {
		return p.startsWith()
	}
	return p.comparison(t.text)
}

func (p *filterParser) startsWith() (expr, error) {
	if err := p.symbol("("); err != nil {
		return nil, err
	}
	property := p.next().text
	k, ok := p.fields[property]
	if !ok || (k != nameKind && k != prefixKind) {
		return nil, fmt.Errorf("startswith is not supported for the property %q", property)
	}
	if err := p.symbol(","); err != nil {
		return nil, err
	}
	prefix := p.next()
	if prefix.kind != textToken {
		return nil, fmt.Errorf("startswith takes a text in quotes, not %q", prefix.text)
	}
	return prefixed{property, strings.ToLower(prefix.text)}, p.symbol(")")
}

func (k kind) allows(op store.Op) bool {
	switch k {
	case prefixKind:
		return false
	case equalKind:
		return op == store.Equal
	case choiceKind, booleanKind:
		return op == store.Equal || op == store.NotEqual
	}
	return true
}

var operators = map[string]store.Op{
	"eq": store.Equal, "ne": store.NotEqual, "gt": store.Greater,
	"ge": store.GreaterOrEqual, "lt": store.Less, "le": store.LessOrEqual,
}

func (p *filterParser) comparison(property string) (expr, error) {
	k, ok := p.fields[property]
	if !ok {
		return nil, fmt.Errorf("this list cannot be filtered by %q", property)
	}
	word := p.next()
	op, ok := operators[strings.ToLower(word.text)]
	if !ok || word.kind != wordToken {
		return nil, fmt.Errorf("an operator is expected where %q is", word.text)
	}
	if !k.allows(op) {
		return nil, fmt.Errorf("%q does not support the operator %s", property, word.text)
	}
	value, err := p.next().value(k)
	if err != nil {
		return nil, fmt.Errorf("%s of %q: %w", word.text, property, err)
	}
	return comparison{property, op, value}, nil
}
