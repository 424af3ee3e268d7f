package workload

import (
	"encoding/json"
	"fmt"
)

// Document is a workload as the workflow gets it: JSON text, kept as it came.
// It is not decoded on the way, so that a workload written by hand for the
// Temporal CLI meets the same rules as one that starter sent: Parse refuses its
// unknown keys, which a plain struct would drop in silence.
type Document struct{ text json.RawMessage }

// DocumentOf is the document of a workload, defaults and all.
func DocumentOf(w *Workload) Document {
	text, err := json.Marshal(w)
	if err != nil {
		// A Workload is plain data; only a change of its types can do this.
		panic(fmt.Sprintf("workload: cannot be written as JSON: %v", err))
	}
	return Document{text: text}
}

// Parse checks the document as Parse checks a file, and that its directories
// can be found: that they are absolute, as there is no file that they could be
// relative to, and that the machine they are on is named. Its errors are
// Problems.
func (d Document) Parse() (*Workload, error) {
	w, err := Parse("", d.text)
	if err != nil {
		return nil, err
	}
	if err := w.RequireAbsolute(); err != nil {
		return nil, err
	}
	if w.Inputs.Host == "" && w.NeedsHost() {
		return nil, Problems{{
			Field:   "inputs.host",
			Message: "is required with inputs.dir, outputs.dir and an inputs.manifest that is a file: the host name of the machine they are on, whose worker moves the files",
		}}
	}
	return w, nil
}

// MarshalJSON gives the text back.
func (d Document) MarshalJSON() ([]byte, error) { return d.text.MarshalJSON() }

// UnmarshalJSON keeps the text, whatever it says.
func (d *Document) UnmarshalJSON(text []byte) error { return d.text.UnmarshalJSON(text) }
