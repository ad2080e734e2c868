printf -v cmd '%s' id
$cmd
