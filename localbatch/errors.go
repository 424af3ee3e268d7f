package localbatch

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
)

// apiError is an answer that says why not. Status, code and values are those
// of the Batch REST reference's table of error codes.
type apiError struct {
	status  int
	code    string
	message string
	values  []errorValue
	headers http.Header
}

type errorValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func (e *apiError) Error() string {
	text := e.code + ": " + e.message
	for _, v := range e.values {
		text += fmt.Sprintf("; %s: %s", v.Key, v.Value)
	}
	return text
}

// because adds the reason to e.
func (e *apiError) because(format string, args ...any) *apiError {
	e.values = append(e.values, errorValue{"Reason", fmt.Sprintf(format, args...)})
	return e
}

func badRequest(code, message string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: code, message: message}
}

func conflict(code, message string) *apiError {
	return &apiError{status: http.StatusConflict, code: code, message: message}
}

// notFound is for a kind of resource: Pool, Job, Task, Node or File.
func notFound(kind string) *apiError {
	return &apiError{
		status:  http.StatusNotFound,
		code:    kind + "NotFound",
		message: "The specified " + words(kind) + " does not exist.",
	}
}

func exists(kind string) *apiError {
	return conflict(kind+"Exists", "The specified "+words(kind)+" already exists.")
}

func beingDeleted(kind string) *apiError {
	return conflict(kind+"BeingDeleted", "The specified "+words(kind)+" has been marked for deletion and is being garbage collected.")
}

func wrongState(format string, args ...any) *apiError {
	return conflict("OperationInvalidForCurrentState", "The operation is not valid for the current state of the resource.").
		because(format, args...)
}

func notValidOnNode(reason string, args ...any) *apiError {
	return conflict("OperationNotValidOnNode", "The specified operation is not valid on the node.").because(reason, args...)
}

func notValidOnPool(reason string) *apiError {
	return conflict("OperationNotValidOnPool", "The specified operation is not valid on the pool.").because("%s", reason)
}

func missingProperty(name string) *apiError {
	e := badRequest("MissingRequiredProperty", "A required property was not specified in the request body.")
	e.values = []errorValue{{"PropertyName", name}}
	return e
}

func invalidProperty(name, value, reason string, args ...any) *apiError {
	e := badRequest("InvalidPropertyValue", "The value provided for one of the properties in the request body is invalid.")
	e.values = []errorValue{{"PropertyName", name}}
	if value != "" { // it may be one that is not to be repeated, such as a URL with a SAS
		e.values = append(e.values, errorValue{"PropertyValue", value})
	}
	return e.because(reason, args...)
}

// within makes an error about a property one about the same of a property's value.
func within(property string, err error) error {
	var refused *apiError
	if errors.As(err, &refused) && len(refused.values) > 0 && refused.values[0].Key == "PropertyName" {
		refused.values[0].Value = property + "." + refused.values[0].Value
	}
	return err
}

func unsupportedProperty(name, reason string) *apiError {
	e := badRequest("UnsupportedProperty", "One of the properties in the request body is not supported.")
	e.values = []errorValue{{"PropertyName", name}}
	return e.because("%s", reason)
}

func invalidQuery(name, value, reason string, args ...any) *apiError {
	e := badRequest("InvalidQueryParameterValue", "Value for one of the query parameters specified in the request URI is invalid.")
	e.values = []errorValue{{"QueryParameterName", name}, {"QueryParameterValue", value}}
	return e.because(reason, args...)
}

// words writes the name of a kind of resource out: JobSchedule is a job schedule.
func words(kind string) string {
	var b strings.Builder
	for i, c := range kind {
		if unicode.IsUpper(c) && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
