package main

import (
	"encoding/xml"
	"fmt"
	"image/color"
	"strings"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
)

// A character cell, in pixels.
const (
	cellWidth  = 8.4
	cellHeight = 18
	margin     = 14
	titleBar   = 28
)

const (
	background = "#1b1f27"
	foreground = "#d7dce5"
)

// palette are the sixteen colours of the picture's terminal.
var palette = []string{
	"#2a303c", "#e5646d", "#7fbf6a", "#d9b14a", "#5b9de1", "#b583d6", "#4fb3b0", "#c9cfd9",
	"#5c6573", "#f0838a", "#9ad486", "#ebc873", "#7fb6ee", "#caa0e6", "#72cbc8", "#ffffff",
}

// svg draws a screen: a window with one line of text for each row, and in it a
// span for each run of cells that look the same.
func svg(screen *vt.Emulator) string {
	width := float64(screen.Width())*cellWidth + 2*margin
	height := screen.Height()*cellHeight + 2*margin + titleBar
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%d" viewBox="0 0 %.0f %d" role="img" aria-label="starter run on a terminal">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="9" fill="%s"/>`+"\n", background)
	for i, c := range []string{palette[1], palette[3], palette[2]} {
		fmt.Fprintf(&b, `<circle cx="%d" cy="18" r="5.5" fill="%s"/>`+"\n", 20+i*18, c)
	}
	fmt.Fprintf(&b, `<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14" fill="%s" style="white-space:pre">`+"\n", foreground)
	for y := range screen.Height() {
		drawRow(&b, screen, y)
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

func drawRow(b *strings.Builder, screen *vt.Emulator, y int) {
	baseline := titleBar + margin + y*cellHeight + 13
	for x := 0; x < screen.Width(); {
		cell := screen.CellAt(x, y)
		if cell == nil || strings.TrimSpace(cell.Content) == "" {
			x++
			continue
		}
		from, text := x, ""
		for x < screen.Width() {
			next := screen.CellAt(x, y)
			if next == nil || next.Content == "" || !next.Style.Equal(&cell.Style) {
				break
			}
			text += next.Content
			x += max(next.Width, 1)
		}
		if x == from {
			x++
		}
		shown := strings.TrimRight(text, " ")
		// textLength holds the cells together, whatever font the reader has.
		fmt.Fprintf(b, `<text x="%.1f" y="%d" textLength="%.1f"%s>%s</text>`+"\n",
			margin+float64(from)*cellWidth, baseline, float64(ansi.StringWidth(shown))*cellWidth, look(cell.Style), escaped(shown))
	}
}

// look is a style as attributes.
func look(style uv.Style) string {
	attributes := ""
	if style.Fg != nil {
		attributes += fmt.Sprintf(` fill="%s"`, hex(style.Fg))
	}
	if style.Attrs&uv.AttrBold != 0 {
		attributes += ` font-weight="bold"`
	}
	if style.Attrs&uv.AttrFaint != 0 {
		attributes += ` opacity="0.6"`
	}
	return attributes
}

func hex(c color.Color) string {
	if basic, ok := c.(ansi.BasicColor); ok && int(basic) < len(palette) {
		return palette[basic]
	}
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text))
	return b.String()
}
