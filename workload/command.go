package workload

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// shellQuote makes one word of s for any POSIX shell. It quotes always, even
// what would do without: what a name looks like must not change how the
// command is read.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// checkCommand reads the command as bash will, with a quoted word in place of
// each placeholder, and answers with what bash would not understand and with
// the places where a file's name would be read as code. A name in single quotes
// is only a name where the shell expects a word of its own; inside other
// quotes, backquotes, arithmetic, here-documents and comments it is not.
func checkCommand(t template) []string {
	if messages := t.escaped(); messages != nil {
		return messages
	}
	source, placed := t.withMarkers()
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash), syntax.KeepComments(true)).
		Parse(strings.NewReader(source), "")
	if err != nil {
		return []string{"bash cannot read this: " + withoutMarkers(err, placed)}
	}
	reasons := judgeWords(file, placed)
	var messages []string
	for _, m := range placed {
		reason, isWord := reasons[m.offset]
		if !isWord {
			reason = cmp.Or(whyUnsafe(pathTo(file, m), m), "must be a word of its own, or part of one")
		}
		if reason != "" {
			messages = append(messages, fmt.Sprintf("%s{{%s}} %s", lineOf(source, m), m.placeholder, reason))
		}
		if len(messages) == maxMessages {
			break
		}
	}
	return messages
}

// maxMessages about one command are enough to begin with.
const maxMessages = 20

// judgeWords finds the markers that are read as the quoted words that they are,
// by offset, and why they are unsafe even so; empty: they are not.
func judgeWords(file *syntax.File, placed []marker) map[uint]string {
	markers := make(map[uint]marker, len(placed))
	for _, m := range placed {
		markers[m.offset] = m
	}
	reasons := make(map[uint]string, len(placed))
	var stack []syntax.Node
	syntax.Walk(file, func(n syntax.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		if word, ok := n.(*syntax.SglQuoted); ok && !word.Dollar {
			m, found := markers[word.Pos().Offset()]
			if found && word.Value == m.text {
				reasons[m.offset] = whyUnsafe(stack, m)
			}
		}
		return true
	})
	return reasons
}

// lineOf begins a message about a command of several lines.
func lineOf(source string, m marker) string {
	if !strings.Contains(strings.TrimRight(source, "\n"), "\n") {
		return ""
	}
	return fmt.Sprintf("line %d of the command: ", 1+strings.Count(source[:m.offset], "\n"))
}

// escaped answers with the placeholders whose opening quote would be taken for
// something else, because of the character before it.
func (t template) escaped() []string {
	var messages []string
	for i := 1; i < len(t); i++ {
		before := t[i-1].literal
		backslashes := len(before) - len(strings.TrimRight(before, `\`))
		switch {
		case t[i].placeholder == "":
		case backslashes%2 == 1:
			messages = append(messages, fmt.Sprintf(`{{%s}} has a backslash before it; remove it`, t[i].placeholder))
		case strings.HasSuffix(before, "$"):
			messages = append(messages, fmt.Sprintf(`{{%s}} has a $ before it; remove it`, t[i].placeholder))
		}
	}
	return messages
}

// marker is the quoted word that stands for a placeholder while the command is
// checked.
type marker struct {
	placeholder string
	text        string
	offset      uint
}

func (t template) withMarkers() (string, []marker) {
	var b strings.Builder
	var placed []marker
	for _, p := range t {
		if p.placeholder == "" {
			b.WriteString(p.literal)
			continue
		}
		m := marker{
			placeholder: p.placeholder,
			text:        fmt.Sprintf("durabatch-%d", len(placed)),
			offset:      uint(b.Len()),
		}
		b.WriteString(shellQuote(m.text))
		placed = append(placed, m)
	}
	return b.String(), placed
}

// withoutMarkers is the parser's message in terms of the user's own text. It
// has no column: markers shift it.
func withoutMarkers(err error, placed []marker) string {
	text := err.Error()
	var parse syntax.ParseError
	if errors.As(err, &parse) {
		text = fmt.Sprintf("line %d of the command: %s", parse.Pos.Line(), parse.Text)
	}
	for _, m := range placed {
		text = strings.ReplaceAll(text, shellQuote(m.text), "{{"+m.placeholder+"}}")
	}
	return text
}

// pathTo is the nodes around the marker's first byte, outermost first.
func pathTo(file *syntax.File, m marker) []syntax.Node {
	var stack, path []syntax.Node
	syntax.Walk(file, func(n syntax.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		if covers(n, m) && len(stack) > len(path) {
			path = append(path[:0:0], stack...)
		}
		return true
	})
	return path
}

func covers(n syntax.Node, m marker) bool {
	return n.Pos().IsValid() && n.Pos().Offset() <= m.offset && m.offset < n.End().Offset()
}

// whyUnsafe is what around a marker keeps its quotes from protecting a name.
func whyUnsafe(path []syntax.Node, m marker) string {
	if m.placeholder == "inputs" || m.placeholder == "outputs" {
		if !areWords(path) {
			return "is several words: it can be arguments of a command, the words of a for loop or the elements of an array, and no part of another word"
		}
	}
	for i, n := range path {
		var inner syntax.Node
		if i+1 < len(path) {
			inner = path[i+1]
		}
		if reason := unsafeIn(n, inner, m); reason != "" {
			return reason
		}
	}
	return ""
}

// areWords says whether what path ends in stands where any number of words may.
func areWords(path []syntax.Node) bool {
	if len(path) < 3 {
		return false
	}
	word, ok := path[len(path)-2].(*syntax.Word)
	if !ok || len(word.Parts) != 1 {
		return false
	}
	switch around := path[len(path)-3].(type) {
	case *syntax.CallExpr:
		return len(around.Args) > 0 && around.Args[0] != word
	case *syntax.WordIter, *syntax.ArrayElem:
		return true
	}
	return false
}

// unsafeIn judges one node around the marker; inner is the next one towards it.
func unsafeIn(n, inner syntax.Node, m marker) string {
	switch n := n.(type) {
	case *syntax.DblQuoted:
		if _, substitution := inner.(*syntax.CmdSubst); !substitution {
			return "is inside double quotes; remove them: the value arrives quoted"
		}
	case *syntax.SglQuoted:
		if n.Dollar || n.Pos().Offset() != m.offset {
			return "is inside single quotes; remove them: the value arrives quoted"
		}
	case *syntax.Comment:
		return "is inside a comment, which a name with a line break would end; remove it"
	case *syntax.CmdSubst:
		if n.Backquotes {
			return "is inside backquotes; write $(...) instead"
		}
	case *syntax.Redirect:
		if n.Op == syntax.Hdoc || n.Op == syntax.DashHdoc {
			return "is in a here-document, where quotes are only text; put the value in a variable before it"
		}
	case *syntax.ArithmExp, *syntax.ArithmCmd, *syntax.LetClause, *syntax.CStyleLoop:
		return "is inside arithmetic, which would run a name as code; put the value in a variable before it"
	case *syntax.ParamExp:
		return "is inside ${...}; put the value in a variable before it"
	case *syntax.Assign:
		if n.Index != nil && covers(n.Index, m) {
			return "is an array's index, which is arithmetic; put it elsewhere"
		}
	case *syntax.ArrayElem:
		if n.Index != nil && covers(n.Index, m) {
			return "is an array's index, which is arithmetic; put it elsewhere"
		}
	case *syntax.BinaryTest:
		if arithmeticTest(n.Op) {
			return "is compared as a number, which would run a name as code; compare with = or =="
		}
	case *syntax.UnaryTest:
		if n.Op == syntax.TsVarSet || n.Op == syntax.TsRefVar {
			return "is tested as a variable's name, which would run it as code"
		}
	case *syntax.CallExpr:
		if len(n.Args) > 0 && n.Args[0].Lit() == "eval" {
			return "is given to eval, which would run a name as code"
		}
	case *syntax.DeclClause:
		if declaresInteger(n) {
			return "is given to an integer variable, which would run a name as code"
		}
	}
	return ""
}

func arithmeticTest(op syntax.BinTestOperator) bool {
	switch op {
	case syntax.TsEql, syntax.TsNeq, syntax.TsLeq, syntax.TsGeq, syntax.TsLss, syntax.TsGtr:
		return true
	}
	return false
}

func declaresInteger(n *syntax.DeclClause) bool {
	for _, arg := range n.Args {
		if arg.Value == nil {
			continue
		}
		if flag := arg.Value.Lit(); strings.HasPrefix(flag, "-") && strings.Contains(flag, "i") {
			return true
		}
	}
	return false
}
