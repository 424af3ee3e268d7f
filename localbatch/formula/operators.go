package formula

import (
	"cmp"
	"math"
	"time"
)

// What operators are there for which types is the documentation's table
// ("Operations"): anything else is an error.

func negate(operator string, operand value) (value, error) {
	switch v := operand.(type) {
	case float64:
		if operator == "!" {
			return truth(v == 0), nil
		}
		return -v, nil
	case time.Duration:
		if operator == "-" {
			return multiply(v, -1)
		}
	}
	return nil, errorf("%s cannot be used on a %s", operator, typeOf(operand))
}

// truth is a comparison's value.
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (e *evaluation) apply(operator string, left, right value) (value, error) {
	if o, ok := order(left, right); ok {
		if answer, ok := holds(operator, o); ok {
			return truth(answer), nil
		}
	}
	switch l := left.(type) {
	case float64:
		switch r := right.(type) {
		case float64:
			if v, ok := calculate(operator, l, r); ok {
				return v, nil
			}
		case time.Duration:
			if operator == "*" {
				return multiply(r, l)
			}
		}
	case vector:
		switch r := right.(type) {
		case float64:
			return e.eachElement(operator, l, func(int) float64 { return r })
		case vector:
			if len(l) != len(r) {
				return nil, errorf("%s is for vectors of one length, these have %d and %d elements", operator, len(l), len(r))
			}
			return e.eachElement(operator, l, func(i int) float64 { return r[i] })
		}
	case time.Duration:
		switch r := right.(type) {
		case float64:
			switch operator {
			case "*":
				return multiply(l, r)
			case "/":
				return multiply(l, 1/r)
			}
		case time.Duration:
			return addIntervals(operator, l, r)
		case time.Time:
			if operator == "+" {
				return shift(r, l)
			}
		}
	case time.Time:
		switch r := right.(type) {
		case time.Duration:
			if operator == "+" {
				return shift(l, r)
			}
		case time.Time:
			if operator == "-" {
				return difference(l, r)
			}
		}
	}
	return nil, noOperator(operator, left, right)
}

func noOperator(operator string, left, right value) error {
	return errorf("%s cannot be used on a %s and a %s", operator, typeOf(left), typeOf(right))
}

func calculate(operator string, l, r float64) (float64, bool) {
	switch operator {
	case "+":
		return l + r, true
	case "-":
		return l - r, true
	case "*":
		return l * r, true
	case "/":
		return l / r, true
	}
	return 0, false
}

func (e *evaluation) eachElement(operator string, l vector, r func(int) float64) (value, error) {
	if err := e.work(len(l)); err != nil {
		return nil, err
	}
	result := make(vector, len(l))
	for i := range l {
		n, ok := calculate(operator, l[i], r(i))
		if !ok {
			return nil, errorf("%s cannot be used on a doubleVec", operator)
		}
		result[i] = n
	}
	return result, nil
}

// unordered is how a number stands to NaN.
const unordered = 2

// order says how two values of one type stand to each other, as cmp.Compare
// does; false: they have no order.
func order(left, right value) (int, bool) {
	switch l := left.(type) {
	case float64:
		if r, ok := right.(float64); ok {
			if math.IsNaN(l) || math.IsNaN(r) {
				return unordered, true
			}
			return cmp.Compare(l, r), true
		}
	case string:
		if r, ok := right.(string); ok {
			return cmp.Compare(l, r), true
		}
	case time.Time:
		if r, ok := right.(time.Time); ok {
			return l.Compare(r), true
		}
	case time.Duration:
		if r, ok := right.(time.Duration); ok {
			return cmp.Compare(l, r), true
		}
	}
	return 0, false
}

// holds says whether a comparison holds for what stands so to each other;
// false: the operator is no comparison.
func holds(operator string, order int) (holds, ok bool) {
	switch operator {
	case "==":
		return order == 0, true
	case "!=":
		return order != 0, true
	case "<":
		return order == -1, true
	case "<=":
		return order == -1 || order == 0, true
	case ">":
		return order == 1, true
	case ">=":
		return order == 1 || order == 0, true
	}
	return false, false
}

func multiply(d time.Duration, by float64) (value, error) {
	product := float64(d) * by
	if math.IsNaN(product) || math.Abs(product) >= math.MaxInt64 {
		return nil, errorf("the interval is longer than 292 years")
	}
	return time.Duration(product), nil
}

func addIntervals(operator string, l, r time.Duration) (value, error) {
	switch operator {
	case "+":
	case "-":
		if r == math.MinInt64 {
			return nil, errorf("the interval is longer than 292 years")
		}
		r = -r
	default:
		return nil, noOperator(operator, l, r)
	}
	if sum := l + r; (sum > l) == (r > 0) {
		return sum, nil
	}
	return nil, errorf("the interval is longer than 292 years")
}

func shift(t time.Time, by time.Duration) (value, error) {
	t = t.Add(by)
	if t.Year() < 1 || t.Year() > 9999 {
		return nil, errorf("the timestamp is outside the years 1 to 9999")
	}
	return t, nil
}

func difference(l, r time.Time) (value, error) {
	d := l.Sub(r)
	if d == math.MaxInt64 || d == math.MinInt64 {
		return nil, errorf("the interval is longer than 292 years")
	}
	return d, nil
}
