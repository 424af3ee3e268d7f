package azure

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// summary is an answer on one line: its code, status and what the service
// says about it.
func summary(response *azcore.ResponseError) string {
	code := response.ErrorCode
	if code == "" {
		code = http.StatusText(response.StatusCode)
	}
	s := fmt.Sprintf("%s (HTTP %d)", code, response.StatusCode)
	if said := serviceMessage(response.RawResponse); said != "" {
		s += ": " + said
	}
	return s
}

// batchError is the body of Batch's errors.
type batchError struct {
	Message struct {
		Value string `json:"value"`
	} `json:"message"`
	Values []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	} `json:"values"`
}

// blobError is the body of Blob's errors.
type blobError struct {
	Message string `xml:"Message"`
}

func serviceMessage(response *http.Response) string {
	if response == nil || response.Body == nil {
		return ""
	}
	body, err := runtime.Payload(response)
	if err != nil || len(body) == 0 {
		return ""
	}
	var batch batchError
	if json.Unmarshal(body, &batch) == nil {
		return batch.text()
	}
	var blob blobError
	if xml.Unmarshal(body, &blob) == nil {
		return firstLine(blob.Message)
	}
	return ""
}

// text is the first line of the message, as the others are request id and
// time, and the values that say which property is wrong and why. Other values
// stay out: AuthenticationErrorDetail quotes signatures.
func (b batchError) text() string {
	parts := []string{firstLine(b.Message.Value)}
	for _, v := range b.Values {
		switch v.Key {
		case "PropertyName", "PropertyValue", "Reason", "QueryParameterName", "QueryParameterValue", "HeaderName", "MinimumAllowed", "MaximumAllowed":
			parts = append(parts, v.Key+" "+v.Value)
		}
	}
	return strings.Join(parts, ", ")
}

// signInMessage is the first sentence of what Entra ID answered, such as
// "AADSTS7000215: Invalid client secret provided."
func signInMessage(response *http.Response) string {
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	body, err := runtime.Payload(response)
	if err != nil || json.Unmarshal(body, &answer) != nil {
		return "no reason given"
	}
	if answer.Description == "" {
		return answer.Error
	}
	return firstLine(answer.Description)
}
