<?php
// Prints which of the texts each pattern takes, as generated clients ask; both are read as JSON.
[$patterns, $texts] = json_decode(stream_get_contents(STDIN));
$takes = fn($pattern) => array_map(fn($text) => preg_match("/$pattern/", $text) === 1, $texts);
echo json_encode(array_map($takes, $patterns));
