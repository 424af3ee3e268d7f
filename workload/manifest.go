package workload

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxManifestLine bounds one line of a manifest, in bytes.
const maxManifestLine = 64 << 10

// manifestItem is one line of a manifest that the user wrote.
type manifestItem struct {
	Name      string         `json:"name"`
	Blob      string         `json:"blob"`
	Container string         `json:"container"`
	URL       string         `json:"url"`
	Size      int64          `json:"size"`
	Vars      map[string]any `json:"vars"`
}

var varName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// ReadManifest reads a manifest that the user wrote, JSON Lines, and yields an
// input for each line, in order. Container is that of items which name none;
// empty: each must. With unique, two items of one name are an error; that
// remembers each name in some 25 bytes. Nothing else of the manifest is kept in memory. Its
// errors begin with the line: "line 12: ...".
func ReadManifest(r io.Reader, container string, unique bool, yield func(Input) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 16<<10), maxManifestLine)
	var names map[nameHash]struct{}
	if unique {
		names = make(map[nameHash]struct{})
	}
	var index int64
	number := 1
	for ; lines.Scan(); number++ {
		line := bytes.TrimSpace(lines.Bytes())
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\xEF\xBB\xBF"))
		}
		if len(line) == 0 {
			continue
		}
		input, err := parseManifestItem(line, container)
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if unique {
			hash := hashName(input.Name)
			if _, found := names[hash]; found {
				return fmt.Errorf("line %d: name %q is that of an item before; each needs its own", number, input.Name)
			}
			names[hash] = struct{}{}
		}
		input.Index = index
		index++
		if err := yield(input); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d: is longer than %d bytes; put what all items share into task.environment or resource files", number, maxManifestLine)
	}
	return lines.Err()
}

func parseManifestItem(line []byte, container string) (Input, error) {
	var item manifestItem
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	if err := decoder.Decode(&item); err != nil {
		return Input{}, fmt.Errorf(`is not an object with name, blob or url, container, size and vars: %w`, err)
	}
	if decoder.More() {
		return Input{}, errors.New("holds more than one object; each has a line of its own")
	}
	input := Input{Name: item.Name, Blob: item.Blob, Container: item.Container, URL: item.URL, Size: item.Size}
	if err := input.checkSource(container); err != nil {
		return Input{}, err
	}
	if input.Name == "" {
		input.Name = input.Blob
	}
	if err := checkInputName(input.Name); err != nil {
		return Input{}, err
	}
	var err error
	input.Vars, err = textVars(item.Vars)
	return input, err
}

// checkSource judges where an item's file is, and fills in its container.
func (i *Input) checkSource(container string) error {
	switch {
	case (i.URL == "") == (i.Blob == ""):
		return errors.New("needs url, or blob, and not both")
	case i.Size < 0:
		return errors.New("size must not be negative")
	case i.URL != "" && i.Container != "":
		return errors.New("container is for blob, not for url")
	case i.URL != "" && i.Name == "":
		return errors.New("needs name beside url: what the file is called in the working directory")
	case i.URL != "":
		return checkItemURL(i.URL)
	case i.Container == "" && container == "":
		return errors.New("needs container beside blob, as the manifest itself is in none")
	case i.Container == "":
		i.Container = container
	}
	if !containerName.MatchString(i.Container) || len(i.Container) < 3 || len(i.Container) > 63 {
		return fmt.Errorf("container %q is not the name of a container: lower-case letters, digits and single dashes", shorten(i.Container))
	}
	if !utf8.ValidString(i.Blob) || len(i.Blob) > 4*maxBlobName {
		return errors.New("blob is not the name of a blob")
	}
	return nil
}

var containerName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// checkItemURL never repeats the address: it may hold what must not be seen.
func checkItemURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("url must be an http or https address")
	case u.User != nil || holdsSecret(address):
		return errors.New("url must not hold a user, a password or a SAS, which would be kept in Blob and in Batch; name the container and the blob, and the run signs for it itself")
	case len(address) > 2048:
		return errors.New("url is longer than 2048 characters")
	}
	return nil
}

// textVars makes text of variables, as placeholders need it.
func textVars(vars map[string]any) (map[string]string, error) {
	if len(vars) == 0 {
		return nil, nil
	}
	out := make(map[string]string, len(vars))
	for name, v := range vars {
		if !varName.MatchString(name) {
			return nil, fmt.Errorf("vars.%s: a variable's name has letters, digits and underscores, and begins with no digit", shorten(name))
		}
		switch v := v.(type) {
		case string:
			if strings.Contains(v, "\x00") || !utf8.ValidString(v) {
				return nil, fmt.Errorf("vars.%s: must be UTF-8 without a zero byte", name)
			}
			out[name] = v
		case json.Number:
			out[name] = v.String()
		case bool:
			out[name] = fmt.Sprint(v)
		default:
			return nil, fmt.Errorf("vars.%s: must be text, a number, true or false", name)
		}
	}
	return out, nil
}

// varPrefix begins the placeholders of a manifest's own variables.
const varPrefix = "var."

// isVar says whether a placeholder stands for a variable of a manifest's item.
func isVar(placeholder string) bool {
	name, found := strings.CutPrefix(placeholder, varPrefix)
	return found && varName.MatchString(name)
}

// firstVar is a variable that the template holds, or "".
func (t template) firstVar() string {
	i := slices.IndexFunc(t, func(p piece) bool { return isVar(p.placeholder) })
	if i < 0 {
		return ""
	}
	return t[i].placeholder
}

// checkVars refuses variables where there is no manifest to tell them.
func (c *check) checkVars(field, text string) {
	t, err := parseTemplate(text, commandPlaceholders)
	if err == nil && t.firstVar() != "" && !c.has("inputs.manifest") {
		c.rule(field, "{{"+t.firstVar()+"}} is told by each line of a manifest, and inputs.manifest names none", field, "inputs.manifest")
	}
}

func (c *check) checkManifest(in *Inputs) {
	if !c.has("inputs.manifest") {
		return
	}
	for _, field := range []string{"inputs.dir", "inputs.prefix", "inputs.match"} {
		if c.has(field) {
			c.rule(field, "cannot be beside manifest, which lists the files itself", field, "inputs.manifest")
		}
	}
	if in.Container == "" {
		c.checkDir("inputs.manifest", in.Manifest)
	} else if strings.HasPrefix(in.Manifest, "/") || path.Clean(in.Manifest) != in.Manifest {
		c.rule("inputs.manifest", "must be the name of a blob in container", "inputs.manifest", "inputs.container")
	}
}

// OnHost says whether the list of inputs has to be made on the machine host.
func (in Inputs) OnHost() bool { return in.Dir != "" || in.Manifest != "" && in.Container == "" }

// NeedsHost says whether files are read or written on the machine inputs.host.
func (w *Workload) NeedsHost() bool { return w.Inputs.OnHost() || w.Outputs.Dir != "" }
