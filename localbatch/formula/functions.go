package formula

import (
	"math"
	"math/rand/v2"
	"slices"
)

// function is a predefined function and how many arguments it takes.
type function struct {
	least, most int
	call        func(e *evaluation, arguments []value) (value, error)
}

var functions map[string]function

func init() { // the functions evaluate, and evaluations look functions up
	functions = map[string]function{
		"avg":        ofList(notEmpty(func(v vector) float64 { return sum(v) / float64(len(v)) })),
		"len":        ofList(func(v vector) (float64, error) { return float64(len(v)), nil }),
		"max":        ofList(notEmpty(func(v vector) float64 { return slices.Max(v) })),
		"min":        ofList(notEmpty(func(v vector) float64 { return slices.Min(v) })),
		"norm":       ofList(func(v vector) (float64, error) { return norm(v), nil }),
		"range":      ofList(notEmpty(func(v vector) float64 { return slices.Max(v) - slices.Min(v) })),
		"std":        ofList(std),
		"sum":        ofList(func(v vector) (float64, error) { return sum(v), nil }),
		"ceil":       ofElements(math.Ceil),
		"floor":      ofElements(math.Floor),
		"round":      ofElements(math.Round),
		"lg":         ofElements(math.Log2),
		"ln":         ofElements(math.Log),
		"log":        ofElements(math.Log10),
		"vec":        {0, math.MaxInt, func(e *evaluation, a []value) (value, error) { return e.flatten(a) }},
		"percentile": ofVectorAnd(percentile),
		"val":        ofVectorAnd(element),
		"rand":       {0, 0, func(*evaluation, []value) (value, error) { return rand.Float64(), nil }},
		"stop":       {0, 0, func(*evaluation, []value) (value, error) { return nil, errStop }},
		"time":       {0, 1, timeFunction},
	}
}

// flatten makes one vector of a list of doubles and vectors.
func (e *evaluation) flatten(list []value) (vector, error) {
	var all vector
	for _, item := range list {
		switch item := item.(type) {
		case float64:
			if err := e.work(1); err != nil {
				return nil, err
			}
			all = append(all, item)
		case vector:
			if err := e.work(len(item)); err != nil {
				return nil, err
			}
			all = append(all, item...)
		default:
			return nil, errorf("doubles and doubleVecs are taken, not a %s", typeOf(item))
		}
	}
	return all, nil
}

// ofList is a function that makes one number of a list.
func ofList(f func(vector) (float64, error)) function {
	return function{0, math.MaxInt, func(e *evaluation, arguments []value) (value, error) {
		all, err := e.flatten(arguments)
		if err != nil {
			return nil, err
		}
		return f(all)
	}}
}

func notEmpty(f func(vector) float64) func(vector) (float64, error) {
	return func(v vector) (float64, error) {
		if len(v) == 0 {
			return 0, errorf("of a vector without elements there is no value")
		}
		return f(v), nil
	}
}

// ofElements is a function of a number, and of each element of a list.
func ofElements(f func(float64) float64) function {
	return function{1, math.MaxInt, func(e *evaluation, arguments []value) (value, error) {
		if n, ok := arguments[0].(float64); ok && len(arguments) == 1 {
			return f(n), nil
		}
		all, err := e.flatten(arguments)
		if err != nil {
			return nil, err
		}
		for i, n := range all {
			all[i] = f(n)
		}
		return all, nil
	}}
}

// ofVectorAnd is a function of a vector and a number.
func ofVectorAnd(f func(vector, float64) (float64, error)) function {
	return function{2, 2, func(e *evaluation, arguments []value) (value, error) {
		v, err := e.flatten(arguments[:1])
		if err != nil {
			return nil, err
		}
		n, ok := arguments[1].(float64)
		if !ok {
			return nil, errorf("the second argument is a double, not a %s", typeOf(arguments[1]))
		}
		return f(v, n)
	}}
}

func sum(v vector) float64 {
	total := 0.0
	for _, n := range v {
		total += n
	}
	return total
}

func norm(v vector) float64 {
	squares := 0.0
	for _, n := range v {
		squares += n * n
	}
	return math.Sqrt(squares)
}

// std is the sample standard deviation.
func std(v vector) (float64, error) {
	if len(v) < 2 {
		return 0, errorf("of fewer than two elements there is no standard deviation")
	}
	mean, squares := sum(v)/float64(len(v)), 0.0
	for _, n := range v {
		squares += (n - mean) * (n - mean)
	}
	return math.Sqrt(squares / float64(len(v)-1)), nil
}

// percentile is the element below or at which p percent of all are (nearest
// rank; the documentation says no more than that it is an element).
func percentile(v vector, p float64) (float64, error) {
	if len(v) == 0 || math.IsNaN(p) || p < 0 || p > 100 {
		return 0, errorf("a percentile is from 0 to 100, of a vector with elements")
	}
	sorted := slices.Sorted(slices.Values(v))
	rank := int(math.Ceil(p / 100 * float64(len(v))))
	return sorted[max(rank, 1)-1], nil
}

func element(v vector, i float64) (float64, error) {
	if math.IsNaN(i) || i < 0 || i >= float64(len(v)) {
		return 0, errorf("there is no element %s in a vector of %d", showNumber(i), len(v))
	}
	return v[int(i)], nil
}
