package formula

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// Limits of formulas ("Automatic scaling formulas", Batch documentation).
const (
	// MaxLength is how many characters a formula may have.
	MaxLength = 8192
	// MaxStatements is how many statements a formula may have.
	MaxStatements = 100
)

// maxDepth bounds how deep expressions stand in each other. It is ours.
const maxDepth = 200

// Formula is a formula without syntax errors. It can be evaluated from several
// goroutines at once.
type Formula struct {
	statements []statement
}

// statement assigns an expression's value to a variable; without a name it is
// the expression alone.
type statement struct {
	position
	name  string
	value expression
}

// Parse reads a formula. Its error is an *Error of the kind TooLong or Syntax.
func Parse(text string) (*Formula, error) {
	if n := utf8.RuneCountInString(text); n > MaxLength {
		return nil, position{1, 1}.fail(TooLong, "the formula has %d characters, %d are allowed", n, MaxLength)
	}
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	return p.formula()
}

type parser struct {
	tokens []token
	next   int
	depth  int
}

func (p *parser) peek() token { return p.tokens[p.next] }

// take returns the next token. The end stays where it is.
func (p *parser) take() token {
	t := p.peek()
	if t.kind != endToken {
		p.next++
	}
	return t
}

// accept takes the next token if it is of that kind.
func (p *parser) accept(kind string) bool {
	if p.peek().kind != kind {
		return false
	}
	p.take()
	return true
}

func (p *parser) expect(kind string) error {
	if t := p.peek(); !p.accept(kind) {
		return t.fail(Syntax, "%s is expected, not %s", kind, t)
	}
	return nil
}

func (p *parser) formula() (*Formula, error) {
	f := &Formula{}
	for p.peek().kind != endToken {
		if p.accept(";") {
			continue
		}
		if len(f.statements) == MaxStatements {
			return nil, p.peek().fail(Syntax, "a formula has at most %d statements", MaxStatements)
		}
		s, err := p.statement()
		if err != nil {
			return nil, err
		}
		f.statements = append(f.statements, s)
		if p.peek().kind != endToken {
			if err := p.expect(";"); err != nil {
				return nil, err
			}
		}
	}
	if len(f.statements) == 0 {
		return nil, p.peek().fail(Syntax, "the formula has no statement")
	}
	return f, nil
}

func (p *parser) statement() (s statement, err error) {
	first := p.peek()
	s.position = first.position
	if first.kind == nameToken && p.tokens[p.next+1].kind == "=" {
		if err := checkAssignable(first); err != nil {
			return s, err
		}
		s.name = first.text
		p.next += 2
	}
	s.value, err = p.expression()
	return s, err
}

// expression is a ternary or what binds closer.
func (p *parser) expression() (expression, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.peek().fail(Syntax, "the expression is nested too deeply")
	}
	defer func() { p.depth-- }()
	condition, err := p.binary(0)
	at := p.peek().position
	if err != nil || !p.accept("?") {
		return condition, err
	}
	then, err := p.expression()
	if err != nil {
		return nil, err
	}
	if err := p.expect(":"); err != nil {
		return nil, err
	}
	otherwise, err := p.expression()
	return &ternary{at, condition, then, otherwise}, err
}

// levels are the binary operators, the loosest first.
var levels = [][]string{{"||"}, {"&&"}, {"==", "!="}, {"<", "<=", ">", ">="}, {"+", "-"}, {"*", "/"}}

func (p *parser) binary(level int) (expression, error) {
	if level == len(levels) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	for err == nil {
		t := p.peek()
		if !p.acceptOne(levels[level]) {
			return left, nil
		}
		var right expression
		right, err = p.binary(level + 1)
		left = &binary{t.position, t.kind, left, right}
	}
	return nil, err
}

func (p *parser) acceptOne(kinds []string) bool {
	for _, kind := range kinds {
		if p.accept(kind) {
			return true
		}
	}
	return false
}

func (p *parser) unary() (expression, error) {
	t := p.peek()
	if !p.acceptOne([]string{"-", "!"}) {
		return p.postfix()
	}
	if p.depth++; p.depth > maxDepth {
		return nil, t.fail(Syntax, "the expression is nested too deeply")
	}
	defer func() { p.depth-- }()
	operand, err := p.unary()
	return &unary{t.position, t.kind, operand}, err
}

// postfix is an operand with what follows it after dots: a member of a
// timestamp, or a method of a variable.
func (p *parser) postfix() (expression, error) {
	operand, err := p.operand()
	for err == nil && p.accept(".") {
		t := p.peek()
		if err := p.expect(nameToken); err != nil {
			return nil, err
		}
		if p.peek().kind == "(" {
			operand, err = p.method(operand, t)
			continue
		}
		if _, ok := members[t.text]; !ok {
			return nil, t.fail(Syntax, "nothing has a member %s", t.text)
		}
		operand = &member{t.position, operand, t.text}
	}
	return operand, err
}

func (p *parser) operand() (expression, error) {
	t := p.take()
	switch t.kind {
	case numberToken:
		number, err := strconv.ParseFloat(t.text, 64)
		if err != nil || math.IsInf(number, 0) {
			return nil, t.fail(Syntax, "%s is too large a number", t.text)
		}
		return literal{number}, nil
	case stringToken:
		return literal{t.text}, nil
	case nameToken:
		if p.peek().kind == "(" {
			return p.call(t)
		}
		return &variable{t.position, t.text}, nil
	case "(":
		inner, err := p.expression()
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	case "[":
		elements, err := p.list("]")
		return &call{t.position, "vec", elements}, err
	}
	return nil, t.fail(Syntax, "a value is expected, not %s", t)
}

func (p *parser) call(name token) (expression, error) {
	f, ok := functions[name.text]
	if !ok {
		return nil, name.fail(Syntax, "there is no function %s", name.text)
	}
	p.take()
	arguments, err := p.list(")")
	if err != nil {
		return nil, err
	}
	if len(arguments) < f.least || len(arguments) > f.most {
		return nil, name.fail(Syntax, "%s does not take %d arguments", name.text, len(arguments))
	}
	return &call{name.position, name.text, arguments}, nil
}

func (p *parser) method(of expression, name token) (expression, error) {
	v, ok := of.(*variable)
	if !ok || !metrics[v.name] {
		return nil, name.fail(Syntax, "only the service's read-only variables have methods")
	}
	m, ok := methods[name.text]
	if !ok {
		return nil, name.fail(Syntax, "%s has no method %s", v.name, name.text)
	}
	at := p.take().position
	arguments, err := p.list(")")
	if err != nil {
		return nil, err
	}
	if len(arguments) < m.least || len(arguments) > m.most {
		return nil, name.fail(Syntax, "%s does not take %d arguments", name.text, len(arguments))
	}
	return &sampling{at, v.name, name.text, arguments}, nil
}

// list is what stands between a bracket that is taken and its end.
func (p *parser) list(end string) ([]expression, error) {
	var items []expression
	if p.accept(end) {
		return items, nil
	}
	for {
		item, err := p.expression()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if !p.accept(",") {
			return items, p.expect(end)
		}
	}
}
