package node

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// pattern is an output file's filePattern, read.
type pattern struct {
	base     string    // the directory that segments begin in, relative to the task's root
	segments []segment // at least one
	wild     bool      // whether it can match more than one name
}

// segment is a pattern for one name of a path or, if deep is set, for any
// number of directories.
type segment struct {
	deep    bool
	tokens  []token
	literal string // the only name that matches, unless wild is set
	wild    bool
}

type tokenKind int

const (
	oneRune tokenKind = iota
	anyRune
	anyText
	runeClass
)

type token struct {
	kind    tokenKind
	char    rune
	ranges  [][2]rune
	negated bool
}

// parsePattern reads a pattern whose variables have been replaced. root is the
// absolute path of the task's directory.
func parsePattern(text, root string) (pattern, error) {
	base := workingDir
	if strings.HasPrefix(text, "/") {
		inside, ok := strings.CutPrefix(text, strings.TrimSuffix(root, "/")+"/")
		if !ok {
			return pattern{}, fmt.Errorf("the pattern %q reaches outside the task's directory", text)
		}
		base, text = ".", inside
	}
	p := pattern{base: base}
	for _, name := range strings.Split(text, "/") {
		if err := p.add(name); err != nil {
			return pattern{}, fmt.Errorf("the pattern %q %w", text, err)
		}
	}
	if len(p.segments) == 0 {
		return pattern{}, fmt.Errorf("the pattern %q names no file", text)
	}
	return p, nil
}

func (p *pattern) add(name string) error {
	switch {
	case name == "" || name == ".":
	case name == "..":
		return p.up()
	case name == "**":
		p.wild = true
		if n := len(p.segments); n == 0 || !p.segments[n-1].deep {
			p.segments = append(p.segments, segment{deep: true, wild: true})
		}
	default:
		s := parseSegment(name)
		p.wild = p.wild || s.wild
		p.segments = append(p.segments, s)
	}
	return nil
}

// up undoes the last segment, as .. does.
func (p *pattern) up() error {
	switch n := len(p.segments); {
	case n > 0 && p.segments[n-1].wild:
		return fmt.Errorf("has .. behind a wildcard")
	case n > 0:
		p.segments = p.segments[:n-1]
	case p.base == ".":
		return fmt.Errorf("reaches outside the task's directory")
	default:
		p.base = path.Dir(p.base)
	}
	return nil
}

// parseSegment reads a pattern for one name. A bracket with a single character
// in it is that character; one that is never closed is a bracket.
func parseSegment(text string) segment {
	var s segment
	var literal strings.Builder
	for rest := text; rest != ""; {
		if class, size := parseClass(rest); size > 0 {
			if char, ok := class.only(); ok {
				s.tokens = append(s.tokens, token{char: char})
				literal.WriteString(rest[1 : size-1])
			} else {
				s.tokens, s.wild = append(s.tokens, class), true
			}
			rest = rest[size:]
			continue
		}
		char, size := decode(rest)
		switch char {
		case '*':
			s.tokens, s.wild = append(s.tokens, token{kind: anyText}), true
		case '?':
			s.tokens, s.wild = append(s.tokens, token{kind: anyRune}), true
		default:
			s.tokens = append(s.tokens, token{char: char})
			literal.WriteString(rest[:size])
		}
		rest = rest[size:]
	}
	s.literal = literal.String()
	return s
}

// parseClass reads [abc], [a-c] or [!abc] at the start of text; size is 0 if
// there is none. A closing bracket that comes first belongs to the class.
func parseClass(text string) (class token, size int) {
	if !strings.HasPrefix(text, "[") {
		return token{}, 0
	}
	class.kind = runeClass
	at := 1
	if strings.HasPrefix(text[at:], "!") {
		class.negated = true
		at++
	}
	for first := true; at < len(text); first = false {
		if text[at] == ']' && !first {
			return class, at + 1
		}
		low, n := decode(text[at:])
		at += n
		high := low
		if strings.HasPrefix(text[at:], "-") && at+1 < len(text) && text[at+1] != ']' {
			high, n = decode(text[at+1:])
			at += 1 + n
		}
		class.ranges = append(class.ranges, [2]rune{low, high})
	}
	return token{}, 0
}

// only is the one character that a class stands for, if it is just that one.
func (t token) only() (rune, bool) {
	if t.negated || len(t.ranges) != 1 || t.ranges[0][0] != t.ranges[0][1] {
		return 0, false
	}
	return t.ranges[0][0], true
}

// match holds a name against the segment.
func (s segment) match(name string) bool {
	if !s.wild {
		return name == s.literal
	}
	if strings.HasPrefix(name, ".") && !s.beginsWithDot() {
		return false
	}
	return matchTokens(s.tokens, runes(name))
}

func (s segment) beginsWithDot() bool {
	return len(s.tokens) > 0 && s.tokens[0].kind == oneRune && s.tokens[0].char == '.'
}

// matchTokens needs to remember only the last * it passed: what an earlier one
// could give up, the later one can take.
func matchTokens(tokens []token, name []rune) bool {
	t, n := 0, 0
	star, mark := -1, 0
	for n < len(name) {
		switch {
		case t < len(tokens) && tokens[t].kind == anyText:
			star, mark = t, n
			t++
		case t < len(tokens) && tokens[t].match(name[n]):
			t, n = t+1, n+1
		case star >= 0:
			mark++
			t, n = star+1, mark
		default:
			return false
		}
	}
	for t < len(tokens) && tokens[t].kind == anyText {
		t++
	}
	return t == len(tokens)
}

func (t token) match(char rune) bool {
	switch t.kind {
	case anyRune:
		return true
	case oneRune:
		return t.char == char
	}
	for _, r := range t.ranges {
		if r[0] <= char && char <= r[1] {
			return !t.negated
		}
	}
	return t.negated
}

// decode gives the first character of a text. A byte that is not UTF-8 is a
// character beyond Unicode of its own, so that it matches only itself.
func decode(text string) (rune, int) {
	char, size := utf8.DecodeRuneInString(text)
	if char == utf8.RuneError && size == 1 {
		return utf8.MaxRune + 1 + rune(text[0]), 1
	}
	return char, size
}

func runes(text string) []rune {
	all := make([]rune, 0, len(text))
	for text != "" {
		char, size := decode(text)
		all, text = append(all, char), text[size:]
	}
	return all
}

var variable = regexp.MustCompile(`\$[A-Za-z_][A-Za-z0-9_]*|%[A-Za-z_][A-Za-z0-9_]*%`)

// expandVariables replaces $NAME and %NAME% by the task's environment. A name
// that is not set stays as it is: it may be part of a file's name.
func expandVariables(text string, env environment) string {
	return variable.ReplaceAllStringFunc(text, func(ref string) string {
		if value, ok := env[strings.Trim(ref, "$%")]; ok {
			return value
		}
		return ref
	})
}
