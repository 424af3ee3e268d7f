package node

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestSegmentMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern  string
		matches  []string
		declines []string
	}{
		{"a", []string{"a"}, []string{"", "A", "aa", "b"}},
		{"*", []string{"a", "a.b", "é", "\xff"}, []string{".a"}},
		{"?", []string{"a", "é", "🎬", "\xff"}, []string{"", "ab", "."}},
		{"a*c", []string{"ac", "abc", "a.c", "acbc"}, []string{"ab", "acb"}},
		{"*a*b*", []string{"ab", "xaxbx"}, []string{"ba"}},
		{"[abc]x", []string{"ax", "cx"}, []string{"dx", "x"}},
		{"[a-c]x", []string{"ax", "bx"}, []string{"dx", "-x"}},
		{"[!a-c]x", []string{"dx", "!x"}, []string{"ax", ".x"}},
		{"[a-]x", []string{"ax", "-x"}, []string{"bx"}},
		{"[-a]x", []string{"ax", "-x"}, []string{"bx"}},
		{"[]a]x", []string{"]x", "ax"}, []string{"x"}},
		{"[!]a]x", []string{"bx"}, []string{"]x", "ax"}},
		{"[!]x", []string{"[!]x"}, []string{"x", "ax", "!x"}},
		{"[c-a]x", nil, []string{"ax", "bx", "cx"}},
		{"[á-ó]", []string{"é"}, []string{"e"}},
		{"[", []string{"["}, []string{""}},
		{"a[", []string{"a["}, nil},
		{"[ab", []string{"[ab"}, []string{"a"}},
		{"[]", []string{"[]"}, nil},
		{"[*]", []string{"*"}, []string{"a"}},
		{"[[]", []string{"["}, []string{"[["}},
		{"[]]", []string{"]"}, []string{"]]"}},
		{"[?]*", []string{"?", "?a"}, []string{"a"}},
		{"[^a]", []string{"^", "a"}, []string{"b"}},
		{".*", []string{".a", "."}, []string{"a"}},
		{"[.]*", []string{".a"}, []string{"a"}},
		{`\*`, []string{`\`, `\a`}, []string{"*"}},
		{"{a,b}", []string{"{a,b}"}, []string{"a"}},
		{"a**b", []string{"ab", "axb"}, []string{"a"}},
		{"\xff?", []string{"\xffa"}, []string{"\xfea"}},
		{"[\xff]", []string{"\xff"}, []string{"\xfe", "\uFFFD"}},
	} {
		s := parseSegment(c.pattern)
		for _, name := range c.matches {
			require.True(t, s.match(name), "%q should match %q", c.pattern, name)
		}
		for _, name := range c.declines {
			require.False(t, s.match(name), "%q should not match %q", c.pattern, name)
		}
	}
}

func TestMatchTakesNoExponentialTime(t *testing.T) {
	t.Parallel()
	s := parseSegment(strings.Repeat("*a", 100) + "*b")
	begin := time.Now()
	require.False(t, s.match(strings.Repeat("a", 10_000)))
	require.Less(t, time.Since(begin), 5*time.Second)
}

func TestGlobTakesNoExponentialTime(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "task")
	d, err := makeDirectory(dir)
	require.NoError(t, err)
	defer d.close()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "wd", strings.Repeat("a/", 60)), 0o700))
	p, err := parsePattern(strings.Repeat("**/a/", 20)+"none", dir)
	require.NoError(t, err)
	begin := time.Now()
	found, err := d.glob(p)
	require.NoError(t, err)
	require.Empty(t, found)
	require.Less(t, time.Since(begin), 10*time.Second)
}

func TestExpandVariables(t *testing.T) {
	t.Parallel()
	env := environment{"A": "1", "AB": "2", "P": "%A%", "D": "$A", "E": ""}
	for pattern, want := range map[string]string{
		"$A/$AB": "1/2", "%A%%AB%": "12", "$ABC": "$ABC", "%NONE%": "%NONE%", "100%": "100%", "%20": "%20",
		"$": "$", "$(A)": "$(A)", "${A}": "${A}", "[$]A": "[$]A", "$P": "%A%", "%D%": "$A", "x$E.txt": "x.txt", "$1": "$1",
	} {
		require.Equal(t, want, expandVariables(pattern, env), pattern)
	}
}

// reference is another way to match one name: a regular expression.
func reference(pattern string) *regexp.Regexp {
	var re strings.Builder
	re.WriteString(`(?s)\A`)
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '*':
			re.WriteString(`.*`)
		case '?':
			re.WriteString(`.`)
		default:
			re.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	re.WriteString(`\z`)
	return regexp.MustCompile(re.String())
}

func FuzzSegmentMatch(f *testing.F) {
	for _, seed := range [][2]string{
		{"*", "a"}, {"a*b?c", "axxbyc"}, {"**", ".x"}, {"[a-c]", "b"}, {"[!]]x", "]x"}, {".*", ".x"}, {"\xff*", "\xffé"}, {"[[]*[]]", "[x]"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		s := parseSegment(pattern)
		got := s.match(name)
		if !s.wild && got != (name == s.literal) {
			t.Fatalf("%q is literal %q and disagrees about %q", pattern, s.literal, name)
		}
		plain := strings.Map(func(r rune) rune {
			if r == '[' || r == '\n' || r > 126 {
				return -1
			}
			return r
		}, pattern)
		if plain == pattern && utf8.ValidString(name) {
			want := reference(pattern).MatchString(name) && (!strings.HasPrefix(name, ".") || strings.HasPrefix(pattern, "."))
			if got != want {
				t.Fatalf("%q matches %q: %v, but a regular expression says %v", pattern, name, got, want)
			}
		}
		if escaped := escape(name); !parseSegment(escaped).match(name) {
			t.Fatalf("%q does not match %q", escaped, name)
		}
	})
}

// escape makes a pattern that matches one name only, as users are told to.
func escape(name string) string {
	return strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]", "$", "[$]", "%", "[%]").Replace(name)
}

func TestEscapedNamesMatchThemselves(t *testing.T) {
	t.Parallel()
	for _, name := range hostileNames {
		pattern := expandVariables(escape(name), environment{"HOME": "/root", "PATH": "/bin"})
		p, err := parsePattern(pattern, "/root")
		require.NoError(t, err)
		require.False(t, p.wild, pattern)
		require.Equal(t, name, p.segments[0].literal)
	}
}

func FuzzParsePattern(f *testing.F) {
	for _, seed := range []string{"*", "a/../b", "../../x", "/task/wd/*", "**/../x", "//", "/task/../etc/passwd", "../*/../../..", "./.", "**/**"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePattern(text, "/task")
		if err != nil {
			return
		}
		if p.base != "." && p.base != workingDir {
			t.Fatalf("%q begins in %q", text, p.base)
		}
		for _, s := range p.segments {
			if !s.wild && (s.literal == ".." || s.literal == "." || s.literal == "" || strings.Contains(s.literal, "/")) {
				t.Fatalf("%q has the segment %q", text, s.literal)
			}
		}
	})
}
