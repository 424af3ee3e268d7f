package main

import "charm.land/lipgloss/v2"

// The terminal's own sixteen colours, so that what people chose for their
// terminal, light or dark, holds here too. Nothing is told by colour alone.
var (
	goodStyle    = lipgloss.NewStyle().Foreground(lipgloss.Green)
	badStyle     = lipgloss.NewStyle().Foreground(lipgloss.Red)
	noticeStyle  = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	runningStyle = lipgloss.NewStyle().Foreground(lipgloss.Blue)
	faintStyle   = lipgloss.NewStyle().Faint(true)
	strongStyle  = lipgloss.NewStyle().Bold(true)
)

func styleOf(t tone) lipgloss.Style {
	switch t {
	case good:
		return goodStyle.Bold(true)
	case bad:
		return badStyle.Bold(true)
	default:
		return noticeStyle
	}
}
