package workload

import (
	"fmt"
	"slices"
	"strings"
)

// The placeholders, and which of them a command and an output name may hold.
var (
	commandPlaceholders = []string{"input", "output", "stem", "name", "ext", "dir", "index"}
	outputPlaceholders  = []string{"stem", "name", "ext", "dir", "index"}
	// Of a command that takes a whole group of files.
	groupPlaceholders = []string{"inputs", "outputs", "index"}
)

// template is text with placeholders, cut into pieces.
type template []piece

// piece is literal text or, when placeholder is set, a placeholder.
type piece struct {
	literal     string
	placeholder string
}

// parseTemplate cuts text at its placeholders, {{name}}, and refuses those that
// are not among allowed. Its error is a sentence about the text.
func parseTemplate(text string, allowed []string) (template, error) {
	var t template
	for text != "" {
		before, rest, found := strings.Cut(text, "{{")
		if strings.Contains(before, "}}") {
			return nil, fmt.Errorf("}} without {{ before it; for two braces that are not a placeholder write } }")
		}
		if before != "" {
			t = append(t, piece{literal: before})
		}
		if !found {
			break
		}
		inside, after, closed := strings.Cut(rest, "}}")
		if !closed || strings.Contains(inside, "{{") {
			return nil, fmt.Errorf("{{ without }} behind it; for two braces that are not a placeholder write { {")
		}
		name := strings.TrimSpace(inside)
		if !slices.Contains(allowed, name) && !(isVar(name) && slices.Contains(allowed, "stem")) {
			return nil, unknownPlaceholder(name, allowed)
		}
		t = append(t, piece{placeholder: name})
		text = after
	}
	return t, nil
}

func unknownPlaceholder(name string, allowed []string) error {
	switch {
	case slices.Contains(groupPlaceholders, name):
		return fmt.Errorf("{{%s}} is for a command with each: group, which takes several files; known here: %s", name, braced(allowed))
	case slices.Contains(commandPlaceholders, name) && slices.Contains(allowed, "inputs"):
		return fmt.Errorf("{{%s}} is of one file, and with each: group the command takes several; known here: %s", name, braced(allowed))
	case slices.Contains(commandPlaceholders, name):
		return fmt.Errorf("{{%s}} has no meaning here, only in task.command; known here: %s", name, braced(allowed))
	}
	hint := ""
	if near := nearest(name, allowed); near != "" {
		hint = fmt.Sprintf("; did you mean {{%s}}?", near)
	}
	return fmt.Errorf("{{%s}} is not a placeholder%s; known: %s", shorten(name), hint, braced(allowed))
}

func braced(names []string) string {
	return "{{" + strings.Join(names, "}}, {{") + "}}"
}

// uses tells whether the template holds that placeholder.
func (t template) uses(placeholder string) bool {
	return slices.ContainsFunc(t, func(p piece) bool { return p.placeholder == placeholder })
}

// render puts a value in each placeholder's place, quoted by quote.
func (t template) render(value func(placeholder string) string, quote func(string) string) string {
	var b strings.Builder
	for _, p := range t {
		if p.placeholder == "" {
			b.WriteString(p.literal)
			continue
		}
		b.WriteString(quote(value(p.placeholder)))
	}
	return b.String()
}

// literally is the quoting of output names: none.
func literally(s string) string { return s }
