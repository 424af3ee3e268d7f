package formula

import (
	"strings"
	"unicode"
)

// token is a word of a formula. Operators are tokens whose kind is their text.
type token struct {
	position
	kind string
	text string
}

const (
	endToken    = "the end"
	numberToken = "a number"
	stringToken = "a string"
	nameToken   = "a name"
)

func (t token) String() string {
	switch t.kind {
	case numberToken, nameToken:
		return t.text
	}
	return t.kind
}

// operators, the longer ones first.
var operators = []string{"==", "!=", "<=", ">=", "&&", "||",
	"+", "-", "*", "/", "<", ">", "!", "=", "?", ":", ";", ",", ".", "(", ")", "[", "]"}

// lexer cuts a formula into tokens.
type lexer struct {
	text []rune
	next int
	at   position
}

func lex(text string) ([]token, error) {
	l := &lexer{text: []rune(text), at: position{1, 1}}
	var tokens []token
	for {
		if err := l.skip(); err != nil {
			return nil, err
		}
		t, err := l.token()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		if t.kind == endToken {
			return tokens, nil
		}
	}
}

// peek is the character n after the next; 0: there is none.
func (l *lexer) peek(n int) rune {
	if l.next+n >= len(l.text) {
		return 0
	}
	return l.text[l.next+n]
}

func (l *lexer) follows(word string) bool {
	for i, c := range []rune(word) {
		if l.peek(i) != c {
			return false
		}
	}
	return true
}

func (l *lexer) advance(n int) {
	for range n {
		if l.text[l.next] == '\n' {
			l.at = position{l.at.line + 1, 0}
		}
		l.next++
		l.at.column++
	}
}

// take advances over the characters that match and returns them.
func (l *lexer) take(matches func(rune) bool) string {
	start := l.next
	for l.next < len(l.text) && matches(l.text[l.next]) {
		l.advance(1)
	}
	return string(l.text[start:l.next])
}

// skip passes over blanks and comments.
func (l *lexer) skip() error {
	for {
		l.take(unicode.IsSpace)
		switch {
		case l.follows("//"):
			l.take(func(c rune) bool { return c != '\n' })
		case l.follows("/*"):
			start := l.at
			l.advance(2)
			for !l.follows("*/") {
				if l.next == len(l.text) {
					return start.fail(Syntax, "the comment has no end")
				}
				l.advance(1)
			}
			l.advance(2)
		default:
			return nil
		}
	}
}

func (l *lexer) token() (token, error) {
	t := token{position: l.at}
	c := l.peek(0)
	switch {
	case l.next == len(l.text):
		t.kind = endToken
	case c == '"':
		return l.string()
	case isDigit(c) || c == '.' && isDigit(l.peek(1)):
		t.kind, t.text = numberToken, l.number()
	case c == '$' || isNameStart(c):
		t.kind = nameToken
		if c == '$' {
			l.advance(1)
			if !isNameStart(l.peek(0)) {
				return t, t.fail(Syntax, "a name follows after $")
			}
			t.text = "$"
		}
		t.text += l.take(func(c rune) bool { return isNameStart(c) || isDigit(c) })
	default:
		for _, operator := range operators {
			if l.follows(operator) {
				l.advance(len(operator))
				t.kind = operator
				return t, nil
			}
		}
		return t, t.fail(Syntax, "%q means nothing here", c)
	}
	return t, nil
}

func (l *lexer) string() (token, error) {
	t := token{position: l.at, kind: stringToken}
	l.advance(1)
	t.text = l.take(func(c rune) bool { return c != '"' && c != '\n' })
	if l.peek(0) != '"' {
		return t, t.fail(Syntax, "the string has no end")
	}
	l.advance(1)
	return t, nil
}

func (l *lexer) number() string {
	var b strings.Builder
	b.WriteString(l.take(isDigit))
	if l.peek(0) == '.' && isDigit(l.peek(1)) {
		l.advance(1)
		b.WriteString("." + l.take(isDigit))
	}
	sign := 0
	if l.peek(1) == '+' || l.peek(1) == '-' {
		sign = 1
	}
	if unicode.ToLower(l.peek(0)) == 'e' && isDigit(l.peek(1+sign)) {
		b.WriteString(string(l.text[l.next : l.next+1+sign]))
		l.advance(1 + sign)
		b.WriteString(l.take(isDigit))
	}
	return b.String()
}

func isDigit(c rune) bool     { return '0' <= c && c <= '9' }
func isNameStart(c rune) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' }
