package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// nameOf makes a name safe to print: one with control characters, terminal
// escapes, direction overrides or bytes that are no UTF-8 is quoted, so that
// it can neither act on the terminal nor pass for another name.
func nameOf(name string) string {
	if isPrintable(name) {
		return name
	}
	return strconv.Quote(name)
}

func isPrintable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) < 0
}

// linesOf makes text from elsewhere, such as a task's stderr, safe to print:
// its lines, with what cannot be printed escaped.
func linesOf(text string) []string {
	lines := strings.Split(strings.TrimRight(text, "\r\n\t "), "\n")
	for i, line := range lines {
		lines[i] = printableLine(strings.TrimRight(line, "\r"))
	}
	return lines
}

func printableLine(line string) string {
	line = strings.ReplaceAll(line, "\t", "    ")
	if isPrintable(line) {
		return line
	}
	quoted := strconv.Quote(line)
	unquoted := strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
	return unquoted
}

// sentenceOf makes one line of at most max runes out of text.
func sentenceOf(text string, limit int) string {
	line := strings.Join(linesOf(text), " ")
	if utf8.RuneCountInString(line) <= limit {
		return line
	}
	return string([]rune(line)[:limit-1]) + "…"
}

// clockOf writes a duration as the tutorial does: 00:30:00.
func clockOf(d time.Duration) string {
	seconds := int64(max(d, 0) / time.Second)
	return fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
}

// elapsedOf is clockOf with hundredths of a second.
func elapsedOf(d time.Duration) string {
	d = max(d, 0)
	return fmt.Sprintf("%s.%02d", clockOf(d), d%time.Second/(10*time.Millisecond))
}

const timeLayout = "2006-01-02 15:04:05"

// timeOf writes a moment in the local time zone.
func timeOf(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(timeLayout)
}

// sizeOf writes bytes in decimal units: 812 KB.
func sizeOf(bytes int64) string {
	const unit = 1000
	if bytes < unit {
		return fmt.Sprintf("%d B", bytes)
	}
	size, prefix := float64(bytes)/unit, 0
	for size >= 999.5 && prefix < len("KMGTPE")-1 {
		size /= unit
		prefix++
	}
	precision := 0
	if size < 9.95 {
		precision = 1
	}
	return fmt.Sprintf("%.*f %cB", precision, size, "KMGTPE"[prefix])
}

// countOf writes "1 file" and "5 files".
func countOf(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
