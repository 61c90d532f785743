"""One question, answered by two to four models side by side, of which one is chosen to go on with.

The answers are siblings that share `Message.comparison`, each a job with a lease of its own. While nothing is chosen
the path ends with the question, and a page whose path ends so shows them as columns. To choose is to let the path end
with an answer; to look again is to let it end with the question.
"""
