"use strict";
page.sorts(document.getElementById("frames"));
