package store

import "strings"

// Where is a condition on the tasks of a list: And, Or, Compare or HasPrefix.
type Where interface {
	// sql is the condition with ? for its values, which are appended to args.
	sql(args []any) (string, []any)
}

// And holds when both sides do.
type And struct{ Left, Right Where }

// Or holds when one of its sides does.
type Or struct{ Left, Right Where }

// Compare holds a column against a value. A task whose column is empty meets
// no comparison.
type Compare struct {
	Column Column
	Op     Op
	Value  any // string, int64 or Time, as the column has it
}

// HasPrefix holds for a text column that begins with Prefix, in any case of letters.
type HasPrefix struct {
	Column Column
	Prefix string
}

// Column is a column of tasks that a Where can ask for.
type Column string

// The columns a Where can ask for.
const (
	ID        Column = "id"
	State     Column = "state"
	StateTime Column = "state_time"
	Created   Column = "created"
	Modified  Column = "modified"
	Started   Column = "started"
	Ended     Column = "ended"
	ExitCode  Column = "exit_code"
	Result    Column = "result"
)

// Op is a comparison.
type Op string

// The comparisons there are.
const (
	Equal          Op = "="
	NotEqual       Op = "<>"
	Greater        Op = ">"
	GreaterOrEqual Op = ">="
	Less           Op = "<"
	LessOrEqual    Op = "<="
)

func (w And) sql(args []any) (string, []any) { return join(w.Left, " AND ", w.Right, args) }
func (w Or) sql(args []any) (string, []any)  { return join(w.Left, " OR ", w.Right, args) }

func join(left Where, word string, right Where, args []any) (string, []any) {
	l, args := left.sql(args)
	r, args := right.sql(args)
	return "(" + l + word + r + ")", args
}

func (w Compare) sql(args []any) (string, []any) {
	return string(w.Column) + " " + string(w.Op) + " ?", append(args, w.Value)
}

// sql bounds the prefix from both sides instead of using LIKE, which would
// take the wildcards in it and no index. Ids and states are ASCII.
func (w HasPrefix) sql(args []any) (string, []any) {
	column := string(w.Column)
	if w.Prefix == "" {
		return column + " IS NOT NULL", args
	}
	prefix := strings.ToLower(w.Prefix)
	return "(" + column + " >= ? AND " + column + " < ?)", append(args, prefix, prefix+"\U0010ffff")
}
