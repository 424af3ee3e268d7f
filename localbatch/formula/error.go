package formula

import "fmt"

// Kind says what is wrong with a formula.
type Kind int

const (
	// TooLong says that it has more than MaxLength characters.
	TooLong Kind = iota
	// Syntax says that it is no formula.
	Syntax
	// Evaluation says that one of its statements has no value.
	Evaluation
	// InsufficientSamples says that it asks for more samples than there are.
	InsufficientSamples
)

// Error is what is wrong with a formula, and where: line and column count from
// 1, columns in characters.
type Error struct {
	Kind         Kind
	Line, Column int
	Message      string
	// Variable is what there are too few samples of, by its newer name if it has
	// two; empty for other kinds.
	Variable string
}

// Error has the position in front, in Batch's words ("Evaluate an automatic
// scaling formula", Batch REST reference).
func (e *Error) Error() string {
	return fmt.Sprintf("Line %d, Col %d: %s", e.Line, e.Column, e.Message)
}

// position is where something stands in a formula.
type position struct{ line, column int }

func (p position) fail(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Line: p.line, Column: p.column, Message: fmt.Sprintf(format, args...)}
}
