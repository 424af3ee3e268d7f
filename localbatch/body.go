package localbatch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// readBody decodes a request's JSON body into v. Nothing in it is passed over:
// a property that v does not have is an error that names it.
func readBody(r *http.Request, v any) error {
	text, err := readAll(r)
	if err != nil {
		return err
	}
	return decode(text, v)
}

// readOptionalBody is readBody for operations whose body may be absent.
func readOptionalBody(r *http.Request, v any) error {
	text, err := readAll(r)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return err
	}
	return decode(text, v)
}

func readAll(r *http.Request) ([]byte, error) {
	text, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, &apiError{
			status:  http.StatusRequestEntityTooLarge,
			code:    "RequestBodyTooLarge",
			message: "The size of the request body exceeds the maximum permitted size of 1 MB.",
		}
	}
	if err != nil {
		return nil, badRequest("InvalidRequestBody", "The specified request body could not be read.").because("the connection broke before its end")
	}
	return text, nil
}

func decode(text []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil {
		if _, err := decoder.Token(); err != io.EOF {
			return invalidBody("something follows the JSON object")
		}
		return nil
	}
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Type == unsupportedType:
		return unsupportedProperty(wrong.Field, "localbatch does not offer it; leave it out")
	case errors.As(err, &wrong) && wrong.Type == badValueType:
		return invalidProperty(wrong.Field, "", "%s", wrong.Value)
	case errors.As(err, &wrong):
		return invalidProperty(wrong.Field, "", "a JSON %s is not what this property takes", wrong.Value)
	}
	// The standard library has no type for this error.
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return unsupportedProperty(strings.Trim(name, `"`), "there is no such property here")
	}
	return invalidBody("it is not a JSON object: %v", err)
}

func invalidBody(reason string, args ...any) error {
	return badRequest("InvalidRequestBody", "The specified request body is not syntactically valid.").because(reason, args...)
}

// unsupported is the type of a property that Batch has and this service would
// have to ignore. Decoding a value that asks for something is an error.
type unsupported struct{}

// badProperty marks the errors that badValue makes.
type badProperty struct{}

var (
	unsupportedType = reflect.TypeFor[unsupported]()
	badValueType    = reflect.TypeFor[badProperty]()
)

// UnmarshalJSON implements json.Unmarshaler. The decoder adds the path of the
// property to an error of this type.
func (unsupported) UnmarshalJSON(text []byte) error {
	asksForNothing := []string{"null", "false", "[]", "{}", `""`}
	if slices.Contains(asksForNothing, string(bytes.TrimSpace(text))) {
		return nil
	}
	return &json.UnmarshalTypeError{Value: "value", Type: unsupportedType}
}

// badValue is what an UnmarshalJSON returns for a value that is wrong for this
// reason.
func badValue(reason string) error {
	return &json.UnmarshalTypeError{Value: reason, Type: badValueType}
}

// oneOf holds an enumeration against its values, in any case of letters, and
// gives it the case of the specification.
func oneOf(name string, value *string, allowed ...string) error {
	if *value == "" {
		*value = allowed[0] // the default comes first
		return nil
	}
	for _, a := range allowed {
		if strings.EqualFold(*value, a) {
			*value = a
			return nil
		}
	}
	return invalidProperty(name, *value, "it is one of %s", strings.Join(allowed, ", "))
}

// between holds a number against its limits.
func between[N int32 | int64 | duration](name string, value, low, high N) error {
	if value < low || value > high {
		return invalidProperty(name, fmt.Sprint(value), "it is from %v to %v", low, high)
	}
	return nil
}

// maxDisplayName is in characters.
const maxDisplayName = 1024

func checkDisplayName(name string) error {
	if utf8.RuneCountInString(name) > maxDisplayName {
		return invalidProperty("displayName", "", "it has more than %d characters", maxDisplayName)
	}
	return nil
}

// checkID is Batch's rule for the ids of pools, jobs and tasks.
func checkID(id string) error {
	if id == "" {
		return missingProperty("id")
	}
	isAllowed := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
	}
	if len(id) > 64 || strings.IndexFunc(id, func(c rune) bool { return !isAllowed(c) }) >= 0 {
		return invalidProperty("id", id, "an id is 1 to 64 letters, digits, hyphens and underscores")
	}
	return nil
}
