package localbatch

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/durabatch/durabatch/localbatch/store"
)

type tokenKind int

const (
	endToken    tokenKind = iota
	wordToken             // a name, an operator, a number, true, false
	textToken             // 'text'
	timeToken             // DateTime'2011-05-08T08:49:37Z'
	symbolToken           // ( ) ,
)

type token struct {
	kind tokenKind
	text string
}

const timeLiteral = "datetime"

// tokenize cuts a filter into tokens; the last one is the end.
func tokenize(filter string) ([]token, error) {
	var tokens []token
	for rest := strings.TrimLeft(filter, " \t\r\n"); rest != ""; rest = strings.TrimLeft(rest, " \t\r\n") {
		switch rest[0] {
		case '(', ')', ',':
			tokens = append(tokens, token{symbolToken, rest[:1]})
			rest = rest[1:]
		case '\'':
			text, after, err := quoted(rest)
			if err != nil {
				return nil, err
			}
			tokens, rest = append(tokens, token{textToken, text}), after
		default:
			end := strings.IndexAny(rest, " \t\r\n(),'")
			if end < 0 {
				end = len(rest)
			}
			word := rest[:end]
			rest = rest[end:]
			if !strings.EqualFold(word, timeLiteral) || !strings.HasPrefix(rest, "'") {
				tokens = append(tokens, token{wordToken, word})
				continue
			}
			text, after, err := quoted(rest)
			if err != nil {
				return nil, err
			}
			tokens, rest = append(tokens, token{timeToken, text}), after
		}
	}
	return append(tokens, token{endToken, "the end"}), nil
}

// quoted takes a text in single quotes off the front of rest; a quote in it is
// written twice.
func quoted(rest string) (text, after string, err error) {
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		if rest[i] != '\'' {
			b.WriteByte(rest[i])
			continue
		}
		if i+1 == len(rest) || rest[i+1] != '\'' {
			return b.String(), rest[i+1:], nil
		}
		b.WriteByte('\'')
		i++
	}
	return "", "", fmt.Errorf("the quote before %q is never closed", rest[1:])
}

// value is the literal t as a property of this kind has it.
func (t token) value(k kind) (any, error) {
	switch k {
	case timeKind:
		if t.kind == timeToken {
			return parseTimeLiteral(t.text)
		}
		return nil, fmt.Errorf("%q is not a time such as DateTime'2011-05-08T08:49:37Z'", t.text)
	case numberKind:
		n, err := strconv.ParseInt(t.text, 10, 32)
		if t.kind != wordToken || err != nil {
			return nil, fmt.Errorf("%q is not a number", t.text)
		}
		return n, nil
	case booleanKind:
		b, err := strconv.ParseBool(strings.ToLower(t.text))
		if t.kind != wordToken || err != nil {
			return nil, fmt.Errorf("%q is neither true nor false", t.text)
		}
		return b, nil
	}
	if t.kind != textToken {
		return nil, fmt.Errorf("%q is not a text in single quotes", t.text)
	}
	return strings.ToLower(t.text), nil
}

func parseTimeLiteral(text string) (store.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", http.TimeFormat, time.RFC1123} {
		if t, err := time.Parse(layout, text); err == nil {
			return store.TimeOf(t), nil
		}
	}
	return 0, fmt.Errorf("%q is neither an RFC 3339 nor an RFC 1123 time", text)
}
