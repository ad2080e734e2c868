setTimeout("require('child_process').exec('id')", 10);
