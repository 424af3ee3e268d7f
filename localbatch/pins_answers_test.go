package localbatch_test

var answerPins = []pin{}
