package localbatch

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/durabatch/durabatch/localbatch/store"
)

const maxPage = 1000

// listQuery is what a list is asked for.
type listQuery struct {
	filter expr // nil: everything
	fields []string
	limit  int
	after  string // the last item of the page before
}

// parseList reads a list's parameters; fields are what it can be filtered by.
func parseList(r *http.Request, fields fields) (listQuery, error) {
	query := r.URL.Query()
	list := listQuery{limit: maxPage, fields: selected(query)}
	if text := query.Get("maxresults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return list, invalidQuery("maxresults", text, "it is not a number")
		}
		if n < 1 || n > maxPage {
			e := invalidQuery("maxresults", text, "it is from 1 to %d", maxPage)
			e.code = "OutOfRangeQueryParameterValue"
			return list, e
		}
		list.limit = n
	}
	if token := query.Get("$skiptoken"); token != "" {
		after, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return list, invalidQuery("$skiptoken", token, "it comes from no answer of this service")
		}
		list.after = string(after)
	}
	if text := query.Get("$filter"); strings.TrimSpace(text) != "" {
		filter, err := parseFilter(text, fields)
		if err != nil {
			return list, invalidQuery("$filter", text, "%v", err)
		}
		list.filter = filter
	}
	return list, nil
}

func selected(query url.Values) []string {
	var names []string
	for name := range strings.SplitSeq(query.Get("$select"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// page is the body of a list's answer.
type page struct {
	value    []json.RawMessage
	nextLink string // empty on the last page
}

// encode writes the members of the answer behind those that are there. The
// documents go out as they are: package json would check each of them again,
// which takes longer than everything else about a page.
func (p page) encode(w *bytes.Buffer) error {
	w.WriteString(`,"value":[`)
	for i, document := range p.value {
		if i > 0 {
			w.WriteByte(',')
		}
		w.Write(document)
	}
	w.WriteByte(']')
	if p.nextLink != "" {
		link, err := json.Marshal(p.nextLink)
		if err != nil {
			return err
		}
		w.WriteString(`,"odata.nextLink":`)
		w.Write(link)
	}
	w.WriteByte('}')
	return nil
}

// add puts a document on the page, with the selected properties only.
func (p *page) add(document any, fields []string) error {
	text, err := project(document, fields)
	p.value = append(p.value, text)
	return err
}

// project is document as JSON with the selected properties, or all.
func project(document any, fields []string) (json.RawMessage, error) {
	text, err := json.Marshal(document)
	if err != nil || len(fields) == 0 {
		return text, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, err
	}
	chosen := map[string]json.RawMessage{}
	for _, name := range fields {
		if value, ok := members[name]; ok {
			chosen[name] = value
		}
	}
	return json.Marshal(chosen)
}

// listReply is the answer to a list. more says that there is something behind
// last, the name of the page's last item.
func (s *Service) listReply(r *http.Request, meta string, p page, more bool, last string) reply {
	if more {
		query := r.URL.Query()
		query.Set("$skiptoken", base64.RawURLEncoding.EncodeToString([]byte(last)))
		p.nextLink = s.baseURL(r) + r.URL.EscapedPath() + "?" + query.Encode()
	}
	return reply{status: http.StatusOK, meta: meta, body: p}
}

// listed is one item of a list that is small enough to be filtered here.
type listed struct {
	key      string // what the list is ordered by: a file's name, or an id in lower case
	document any
	property func(name string) any // for the filter; nil: it has no such value
}

// list answers with a page of what collect finds of the kind that meta names,
// which can be filtered by known.
func (s *Service) list(r *http.Request, meta string, known fields, collect func(*store.Tx, listQuery) ([]listed, error)) (reply, error) {
	list, err := parseList(r, known)
	if err != nil {
		return reply{}, err
	}
	var items []listed
	err = s.store.View(func(tx *store.Tx) error {
		items, err = collect(tx, list)
		return err
	})
	if err != nil {
		return reply{}, err
	}
	return s.pageOf(r, meta, list, items)
}

// pageOf filters, pages and projects items, which are ordered by their keys.
func (s *Service) pageOf(r *http.Request, meta string, list listQuery, items []listed) (reply, error) {
	var p page
	last := ""
	for _, item := range items {
		if list.after != "" && item.key <= list.after {
			continue
		}
		if list.filter != nil && !list.filter.matches(item.property) {
			continue
		}
		if len(p.value) == list.limit {
			return s.listReply(r, meta, p, true, last), nil
		}
		if err := p.add(item.document, list.fields); err != nil {
			return reply{}, err
		}
		last = item.key
	}
	return s.listReply(r, meta, p, false, ""), nil
}
