package formula

import (
	"errors"
	"time"
)

// expression is what has a value.
type expression interface {
	evaluate(e *evaluation) (value, error)
}

type literal struct{ is value }

func (x literal) evaluate(*evaluation) (value, error) { return x.is, nil }

type variable struct {
	position
	name string
}

func (x *variable) evaluate(e *evaluation) (value, error) {
	v, err := e.read(x.name)
	return v, x.locate(err)
}

type unary struct {
	position
	operator string
	operand  expression
}

func (x *unary) evaluate(e *evaluation) (value, error) {
	operand, err := x.operand.evaluate(e)
	if err != nil {
		return nil, err
	}
	v, err := negate(x.operator, operand)
	return v, x.locate(err)
}

type binary struct {
	position
	operator    string
	left, right expression
}

func (x *binary) evaluate(e *evaluation) (value, error) {
	left, err := x.left.evaluate(e)
	if err != nil {
		return nil, err
	}
	if x.operator == "&&" || x.operator == "||" {
		return x.logic(e, left)
	}
	right, err := x.right.evaluate(e)
	if err != nil {
		return nil, err
	}
	v, err := e.apply(x.operator, left, right)
	return v, x.locate(err)
}

// logic leaves out the right side where the left one decides.
func (x *binary) logic(e *evaluation, left value) (value, error) {
	l, ok := left.(float64)
	if !ok {
		return nil, x.fail(Evaluation, "%s is for doubles, not for a %s", x.operator, typeOf(left))
	}
	if (l != 0) == (x.operator == "||") {
		return truth(l != 0), nil
	}
	right, err := x.right.evaluate(e)
	if err != nil {
		return nil, err
	}
	r, ok := right.(float64)
	if !ok {
		return nil, x.fail(Evaluation, "%s is for doubles, not for a %s", x.operator, typeOf(right))
	}
	return truth(r != 0), nil
}

// ternary has the value of one of two expressions; the other has no effect.
type ternary struct {
	position
	condition, then, otherwise expression
}

func (x *ternary) evaluate(e *evaluation) (value, error) {
	condition, err := x.condition.evaluate(e)
	if err != nil {
		return nil, err
	}
	c, ok := condition.(float64)
	if !ok {
		return nil, x.fail(Evaluation, "a condition is a double, not a %s", typeOf(condition))
	}
	if c != 0 {
		return x.then.evaluate(e)
	}
	return x.otherwise.evaluate(e)
}

type member struct {
	position
	of   expression
	name string
}

// members are the parts of a timestamp. The week begins with Sunday, which is
// 0, as in .NET: the documentation only says that Monday is 1.
var members = map[string]func(time.Time) int{
	"year":    time.Time.Year,
	"month":   func(t time.Time) int { return int(t.Month()) },
	"day":     time.Time.Day,
	"weekday": func(t time.Time) int { return int(t.Weekday()) },
	"hour":    time.Time.Hour,
	"minute":  time.Time.Minute,
	"second":  time.Time.Second,
}

func (x *member) evaluate(e *evaluation) (value, error) {
	of, err := x.of.evaluate(e)
	if err != nil {
		return nil, err
	}
	t, ok := of.(time.Time)
	if !ok {
		return nil, x.fail(Evaluation, "a %s has no member %s, a timestamp has", typeOf(of), x.name)
	}
	return float64(members[x.name](t)), nil
}

type call struct {
	position
	function  string
	arguments []expression
}

func (x *call) evaluate(e *evaluation) (value, error) {
	arguments, err := e.values(x.arguments)
	if err != nil {
		return nil, err
	}
	v, err := functions[x.function].call(e, arguments)
	return v, x.locate(err)
}

// sampling is a call of a method of a read-only variable.
type sampling struct {
	position
	variable, method string
	arguments        []expression
}

func (x *sampling) evaluate(e *evaluation) (value, error) {
	arguments, err := e.values(x.arguments)
	if err != nil {
		return nil, err
	}
	m, err := e.metric(x.variable)
	if err != nil {
		return nil, err
	}
	v, err := methods[x.method].call(e, m, arguments)
	if missing := (*insufficient)(nil); errors.As(err, &missing) {
		missing.variable = x.variable
	}
	return v, x.locate(err)
}
